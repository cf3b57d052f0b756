/** Types that TypeDoc writes out in full, as a reader can take them in. */

/** A type of more lines than this shows its outer lines alone. */
const longest = 16

const depthOf = (line) => line.length - line.trimStart().length

/** A block of code without its inner lines: `…` is in the place of those that are nested deeper than `depth` spaces. */
const outline = (lines, depth) => {
  const kept = []
  for (const line of lines) {
    if (depthOf(line) <= depth) kept.push(line)
    else if (kept.at(-1)?.trim() !== "…") kept.push(`${" ".repeat(depth + 2)}…`)
  }
  return kept
}

const block = /```ts\n([\s\S]*?)\n```/g

const shortenBlock = (whole, text) => {
  const lines = text.split("\n")
  if (lines.length <= longest) return whole
  const kept = [3, 1, 0].map((depth) => outline(lines, depth)).find(({ length }) => length <= longest)
  return `\`\`\`ts\n${(kept ?? [...outline(lines, 0).slice(0, longest), "…"]).join("\n")}\n\`\`\``
}

/** A section says no more than the signature above it when it has a type alone. */
const bareReturns =
  /^(#{3,5}) Returns\n\n(?:`.*`\n|`{0,3}[^\n#*]*<[^\n#]*\n|```ts\n[\s\S]*?\n```\n)(?=\n(?:#|\*\*\*|$))/gm

/** A class of Schema or an error extends a shape that TypeDoc cannot name. */
const namelessExtends = /^#{3,5} Extends\n\n- `object`.*\n/gm

/** Shortens the types of a page. */
export const shorten = (page) =>
  page.replaceAll(namelessExtends, "").replaceAll(bareReturns, "").replaceAll(block, shortenBlock)
