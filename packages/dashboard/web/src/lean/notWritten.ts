/**
 * Stands in for what writes Markdown and HTML as text (`mdast-util-to-markdown`, `hast-util-to-html`): libraries of the pages name it, and
 * the pages only read Markdown, and draw tokens of code as elements.
 */
const notWritten = (): never => {
  throw new Error("The pages write neither Markdown nor HTML")
}

export const toHtml = notWritten

export const defaultHandlers = { inlineCode: notWritten, listItem: notWritten }
