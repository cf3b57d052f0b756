/** Markdown as an agent writes it, while it writes it. Loaded when the first text is shown. */
import { createElement, memo, type ReactNode } from "react"
import { defaultUrlTransform, Streamdown } from "streamdown"
import { CodeBlock } from "./CodeBlock"
import "./markdown.css"

/** The properties of an element; the library knows more of them than are shown. */
type View = (props: Readonly<Record<string, unknown>>) => ReactNode

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const Anchor: View = ({ children, href }) => (
  <a href={text(href)} target="_blank" rel="noreferrer noopener">
    {children as ReactNode}
  </a>
)

/** The page loads nothing from elsewhere, so an image is a link to it. */
const Picture: View = ({ alt, src }) => (
  <a href={text(src)} target="_blank" rel="noreferrer noopener">
    {text(alt) === "" ? "Image" : text(alt)}
  </a>
)

const languageOf = (className: unknown): string => /language-(\S+)/.exec(text(className))?.[1] ?? ""

/** A block has a mark of the library, which its own `pre` sets. */
const Code: View = ({ children, className, ...more }) =>
  more["data-block"] === undefined ? (
    <code>{children as ReactNode}</code>
  ) : (
    <CodeBlock language={languageOf(className)} text={String(children ?? "").replace(/\n$/, "")} />
  )

const Table: View = ({ children }) => (
  <div className="table-scroll" tabIndex={0} role="region" aria-label="Table">
    <table>{children as ReactNode}</table>
  </div>
)

/** The element as it is, without the classes of the library. */
const plain =
  (tag: string): View =>
  ({ children }) =>
    createElement(tag, {}, children as ReactNode)

const components: Record<string, View> = {
  a: Anchor,
  img: Picture,
  code: Code,
  table: Table,
  hr: () => <hr />,
  // The page has the headings above.
  h1: plain("h4"),
  h2: plain("h4"),
  h3: plain("h5"),
  h4: plain("h5"),
  h5: plain("h6"),
  h6: plain("h6"),
  ...Object.fromEntries(
    ["p", "ul", "ol", "li", "blockquote", "strong", "thead", "tbody", "tr", "th", "td"].map((tag) => [
      tag,
      plain(tag),
    ]),
  ),
}

const Markdown = memo(({ isStreaming, text }: { readonly text: string; readonly isStreaming: boolean }) => (
  <Streamdown
    className="markdown"
    mode={isStreaming ? "streaming" : "static"}
    parseIncompleteMarkdown={isStreaming}
    controls={false}
    linkSafety={{ enabled: false }}
    // With it, HTML in the text is shown as text.
    urlTransform={defaultUrlTransform}
    components={components}
  >
    {text}
  </Streamdown>
))

export default Markdown
