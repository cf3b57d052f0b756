/** The pages of a built site as Markdown, in their sections. */
import type { BuiltFile } from "@runlease/http/BuiltFiles"
import { Effect } from "effect"

/** A part of a page below one heading. The first has the heading of its page. */
export interface Section {
  readonly heading: string
  readonly text: string
}

/** `path` is the address of the page below its origin, such as `/docs/durable-execution`. */
export interface Page {
  readonly path: string
  readonly title: string
  readonly markdown: string
  readonly sections: ReadonlyArray<Section>
}

const heading = /^#{1,3}\s+(.+?)\s*(?:\{#[^}]*\})?$/

/** The heading as words, without the links and the code marks in it. */
const plain = (text: string): string => text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "")

/** The sections of a page. A line that begins with `#` in a block of code is no heading. */
const sectionsOf = (markdown: string): ReadonlyArray<Section> => {
  const sections: Array<{ heading: string; lines: Array<string> }> = []
  let fence: string | undefined
  for (const line of markdown.split("\n")) {
    const [, mark] = /^\s*(`{3,}|~{3,})/.exec(line) ?? []
    if (mark !== undefined && (fence === undefined || mark.startsWith(fence))) {
      fence = fence === undefined ? mark : undefined
    }
    const [, text] = (fence === undefined ? heading.exec(line) : null) ?? []
    if (text !== undefined) sections.push({ heading: plain(text), lines: [] })
    else sections.at(-1)?.lines.push(line)
  }
  return sections.map(({ heading, lines }) => ({ heading, text: lines.join("\n").trim() }))
}

const frontMatter = /^---\n[\s\S]*?\n---\n+/

/** A page of its Markdown. `path` as in `Page`. */
export const make = (path: string, text: string): Page => {
  const markdown = text.replace(frontMatter, "")
  const sections = sectionsOf(markdown)
  return { path, title: sections[0]?.heading ?? path, markdown, sections }
}

const ending = ".md"

/** The pages of a site that is at `base`, by its files. */
export const read = (
  base: string,
  files: ReadonlyMap<string, BuiltFile>,
): Effect.Effect<ReadonlyArray<Page>> =>
  Effect.forEach(
    Array.from(files).filter(([name]) => name.endsWith(ending)),
    ([name, file]) =>
      Effect.map(file.plain, (bytes) =>
        make(`${base}${name.slice(0, -ending.length)}`, new TextDecoder().decode(bytes)),
      ),
    { concurrency: 8 },
  )
