/** Markdown as an agent writes it, while it writes it. Loaded when the first text is shown. */
import { compiler, type MarkdownToJSX, RuleType } from "markdown-to-jsx/react"
import { lazy, memo, type ReactNode, Suspense } from "react"
import { languageOf } from "./languages"
import { linkTarget } from "./linkTarget"
import "./markdown.css"

const ColouredCode = lazy(() => import("./ColouredCode"))

/** Longer code stays plain. */
const most = 30_000

/** A block of code: plain at once, coloured when the languages are loaded. */
const CodeBlock = ({ language: name, text }: { readonly text: string; readonly language: string }) => {
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

/** A link, or its text where a page may not lead there. */
const Anchor = ({ children, target }: { readonly target: string | null; readonly children: ReactNode }) => {
  const href = target === null ? null : linkTarget(target)
  return href === null ? (
    children
  ) : (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  )
}

/** The title of the page is its first heading. */
const headings = ["h2", "h2", "h3", "h3", "h4", "h4"] as const

const drawn: NonNullable<MarkdownToJSX.Options["renderRule"]> = (next, node, children, state) => {
  switch (node.type) {
    case RuleType.codeBlock:
      return <CodeBlock key={state.key} language={node.lang ?? ""} text={node.text.replace(/\n$/, "")} />
    case RuleType.footnoteReference:
      return <sup key={state.key}>{node.text}</sup>
    case RuleType.gfmTask:
      return (
        <input
          key={state.key}
          type="checkbox"
          disabled
          checked={node.completed}
          aria-label={node.completed ? "Done" : "To do"}
        />
      )
    case RuleType.heading: {
      const Heading = headings[node.level - 1]!
      return <Heading key={state.key}>{children(node.children, state)}</Heading>
    }
    case RuleType.image:
      // The page loads nothing from elsewhere, so an image is a link to it.
      return (
        <Anchor key={state.key} target={state.inAnchor === true ? null : node.target}>
          {node.alt ? node.alt : "Image"}
        </Anchor>
      )
    case RuleType.link:
      return (
        <Anchor key={state.key} target={node.target}>
          {children(node.children, { ...state, inAnchor: true })}
        </Anchor>
      )
    case RuleType.table:
      return (
        <div key={state.key} className="table-scroll" tabIndex={0} role="region" aria-label="Table">
          {next()}
        </div>
      )
    default:
      return next()
  }
}

/** A note at the end, without an id that the text would choose. */
const Note = ({ children }: { readonly children?: ReactNode }) => <div>{children}</div>

const options: MarkdownToJSX.Options = {
  // HTML is shown as the text that it is.
  disableParsingRawHTML: true,
  preserveFrontmatter: true,
  forceBlock: true,
  wrapper: null,
  overrides: { div: Note },
  renderRule: drawn,
}

/** Of a text that is not finished, the marks that are half written are left out. */
const Markdown = memo(({ isFinished, text }: { readonly text: string; readonly isFinished: boolean }) => (
  <div className="markdown">{compiler(text, { ...options, optimizeForStreaming: !isFinished })}</div>
))

export default Markdown
