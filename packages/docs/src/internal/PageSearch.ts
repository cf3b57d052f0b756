/** Finds the sections of pages that answer a question. */
import MiniSearch from "minisearch"
import type { Page } from "./Pages.js"

export interface Hit {
  readonly path: string
  readonly title: string
  readonly heading: string
  readonly excerpt: string
}

/** How much a page counts. A guide answers a question sooner than the list of what a module exports, or the reason of a decision. */
const weightOf = (path: string): number => (/\/(?:reference|decisions)\//.test(path) ? 0.3 : 1)

/** Words that a question has and an answer need not have. */
const common = new Set(
  "a an and are as at be by can do does for from has have how i in is it its my not of on or that the this to was what when where which who why will with you your".split(
    " ",
  ),
)

/** How many characters of a section a hit shows, and how many of one page's sections are hits. */
const excerptLength = 300
const perPage = 2

/** The text around the first word of it that was found. */
const excerptOf = (text: string, terms: ReadonlyArray<string>): string => {
  const lower = text.toLowerCase()
  const places = terms.map((term) => lower.indexOf(term)).filter((place) => place >= 0)
  const start = Math.max(0, Math.min(...places, text.length) - excerptLength / 4)
  const from = places.length === 0 ? 0 : start
  const part = text
    .slice(from, from + excerptLength)
    .replaceAll(/\s+/g, " ")
    .trim()
  return `${from > 0 ? "… " : ""}${part}${from + excerptLength < text.length ? " …" : ""}`
}

interface Entry {
  readonly id: number
  readonly page: Page
  readonly title: string
  readonly heading: string
  readonly text: string
}

/** An index of pages: what finds at most `limit` sections, the best first. A word matches those that begin with it, and misspelt ones. */
export const make = (pages: ReadonlyArray<Page>): ((query: string, limit: number) => ReadonlyArray<Hit>) => {
  const entries = pages
    .flatMap((page) => page.sections.map((section) => ({ page, title: page.title, ...section })))
    .map((entry, id): Entry => ({ ...entry, id }))
  const index = new MiniSearch<Entry>({
    fields: ["title", "heading", "text"],
    processTerm: (term) => {
      const word = term.toLowerCase()
      return common.has(word) ? null : word
    },
    searchOptions: {
      boost: { title: 2, heading: 3 },
      prefix: (term) => term.length > 3,
      fuzzy: (term) => (term.length > 5 ? 0.2 : false),
      boostDocument: (id) => weightOf(entries[id]!.page.path),
    },
  })
  index.addAll(entries)
  return (query, limit) => {
    const counts = new Map<Page, number>()
    const hits: Array<Hit> = []
    for (const { id, terms } of index.search(query)) {
      const { heading, page, text } = entries[id]!
      const count = counts.get(page) ?? 0
      if (count === perPage) continue
      counts.set(page, count + 1)
      hits.push({ path: page.path, title: page.title, heading, excerpt: excerptOf(text, terms) })
      if (hits.length === limit) break
    }
    return hits
  }
}
