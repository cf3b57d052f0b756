/** A block of code: plain at once, coloured when the languages are loaded. */
import { lazy, Suspense } from "react"
import { languageOf } from "./languages"

const ColouredCode = lazy(() => import("./ColouredCode"))

/** Longer code stays plain. */
const most = 30_000

export const CodeBlock = ({ language: name, text }: { readonly text: string; readonly language: string }) => {
  const language = text.length > most ? undefined : languageOf(name)
  return (
    <pre
      tabIndex={0}
      role="region"
      aria-label={name === "" ? "Code" : `Code, ${name}`}
      className="code-ink overflow-x-auto rounded-2 bg-sunken px-3 py-2"
    >
      <code>
        {language === undefined ? (
          text
        ) : (
          <Suspense fallback={text}>
            <ColouredCode text={text} language={language} />
          </Suspense>
        )}
      </code>
    </pre>
  )
}
