/**
 * Stands in for `rehype-raw`, which parses the HTML in Markdown with a whole HTML parser. The pages show HTML of an agent as the text that
 * it is, so nothing is parsed.
 */
const rehypeRaw = () => () => undefined

export default rehypeRaw
