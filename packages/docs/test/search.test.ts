/** What a search finds first: the guide that answers, before references and decisions. */
import { describe, expect, it } from "@effect/vitest"
import { Array as Array_ } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as PageSearch from "../src/internal/PageSearch.js"
import * as Pages from "../src/internal/Pages.js"
import queries from "./queries.json" with { type: "json" }

const root = fileURLToPath(new URL("../../../", import.meta.url))

/** The pages of a folder of the repository, at the addresses that they have on the site. */
const pagesOf = (folder: string, address: string) =>
  readdirSync(`${root}${folder}`)
    .filter((name) => name.endsWith(".md"))
    .map((name) =>
      Pages.make(`${address}/${name.slice(0, -3)}`, readFileSync(`${root}${folder}/${name}`, "utf8")),
    )

const search = PageSearch.make([
  ...pagesOf("docs", "/docs"),
  ...pagesOf("docs/decisions", "/docs/decisions"),
  ...readdirSync(`${root}packages`).flatMap((name) => pagesOf(`packages/${name}`, `/docs/reference/${name}`)),
])

describe("a search of the documentation", () => {
  for (const { page, query } of queries) {
    it(`finds ${page} by "${query}"`, () => {
      const paths = search(query, 3).map(({ path }) => path)
      expect(paths).toContain(`/docs/${page}`)
      const first = paths.findIndex((path) => /\/(?:decisions|reference)\//.test(path))
      expect(first === -1 || first > paths.indexOf(`/docs/${page}`)).toBe(true)
    })
  }

  it("shows the words that it found, and no page more than twice", () => {
    const hits = search("lease", 20)
    expect(hits[0]!.excerpt.toLowerCase()).toContain("lease")
    const counts = Array_.groupBy(hits, ({ path }) => path)
    expect(Math.max(...Object.values(counts).map(({ length }) => length))).toBe(2)
  })
})
