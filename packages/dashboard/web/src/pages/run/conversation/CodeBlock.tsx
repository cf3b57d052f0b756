/** A block of code: plain at once, coloured when its language is loaded. */
import { useEffect, useState } from "react"
import type { Token } from "./highlight"
import { languageOf } from "./languages"

/** Longer code stays plain. */
const most = 30_000

const useTokens = (text: string, name: string) => {
  const [tokens, setTokens] = useState<{
    readonly text: string
    readonly lines: ReadonlyArray<ReadonlyArray<Token>>
  }>()
  useEffect(() => {
    const language = languageOf(name)
    if (language === undefined || text.length > most) return
    let isCurrent = true
    const timer = setTimeout(() => {
      void (async () => {
        const { highlight } = await import("./highlight")
        const lines = await highlight(text, language)
        if (isCurrent) setTokens({ text, lines })
      })()
    }, 50)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [text, name])
  return tokens?.text === text ? tokens.lines : undefined
}

export const CodeBlock = ({ language, text }: { readonly text: string; readonly language: string }) => {
  const lines = useTokens(text, language)
  return (
    <pre
      tabIndex={0}
      role="region"
      aria-label={language === "" ? "Code" : `Code, ${language}`}
      className="code-ink overflow-x-auto rounded-2 bg-sunken px-3 py-2"
    >
      <code>
        {lines === undefined
          ? text
          : lines.map((line, index) => (
              <span key={index}>
                {line.map(({ color, content }, at) => (
                  <span key={at} style={{ color }}>
                    {content}
                  </span>
                ))}
                {index < lines.length - 1 ? "\n" : ""}
              </span>
            ))}
      </code>
    </pre>
  )
}
