/** Diagrams in Mermaid, drawn when the site is built. Their colours are those of the page, in its light and in its dark theme. */
import { renderMermaidSVG } from "beautiful-mermaid"

const look = {
  bg: "var(--vp-c-bg)",
  fg: "var(--vp-c-text-1)",
  padding: 12,
  nodeSpacing: 14,
  layerSpacing: 24,
}

/** A template of Vue has no styles in it: those of the drawing are in theme/style.css. */
const withoutStyles = (svg) => svg.replaceAll(/<style>[\s\S]*?<\/style>/g, "")

export const diagrams = (md) => {
  const { fence } = md.renderer.rules
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { content, info } = tokens[index]
    if (info.trim() !== "mermaid") return fence(tokens, index, ...rest)
    const svg = withoutStyles(renderMermaidSVG(content, look))
    return `<div class="diagram" role="img" aria-label="Diagram; its source is below" tabindex="0" v-pre>${svg}</div>
<details class="diagram-source"><summary>The diagram as text</summary>${fence(tokens, index, ...rest)}</details>\n`
  }
}
