/** Code in shades of ink, as in the dashboard. Classes with one short name each are a fifth of what colours in each element take. */
import bash from "highlight.js/lib/languages/bash"
import json from "highlight.js/lib/languages/json"
import python from "highlight.js/lib/languages/python"
import typescript from "highlight.js/lib/languages/typescript"
import core from "highlight.js/lib/core"

const grammars = { bash, json, python, sh: bash, ts: typescript, tsx: typescript }

for (const [name, grammar] of Object.entries(grammars)) core.registerLanguage(name, grammar)
core.configure({ classPrefix: "h-" })

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** Shades that look like plain text need no element of their own. */
const plain =
  /<span class="h-(?:attr|attribute|property|params|title function_|title class_|built_in|variable|variable language_|variable constant_|punctuation|function|subst)">([^<]*)<\/span>/g

export const highlight = (text, language) => {
  const html = language in grammars ? core.highlight(text, { language }).value : escaped(text)
  return `<pre v-pre tabindex="0"><code>${html.replaceAll(plain, "$1").trimEnd()}</code></pre>`
}
