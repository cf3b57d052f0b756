import { describe, expect, it } from "@effect/vitest"
import { readFile } from "node:fs/promises"

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8")

/** Each row of the tables, the file and the title of its test among them. */
const rowsOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => /^\| (?!-|The server)/.test(line))
    .map((line) => ({ line, named: /^\| .*? +\| `(.*?)`: (.*?) +\|$/.exec(line) }))

describe("the table of what AG-UI asks of a server", () => {
  it("names in every row a test that exists", async () => {
    const rows = rowsOf(await read("../../../../docs/ag-ui-server.md"))
    expect(rows.length).toBeGreaterThan(20)
    const untested: Array<string> = []
    for (const { line, named } of rows) {
      const text = named === null ? "" : await read(`../${named[1]}`)
      if (named === null || !text.includes(`"${named[2]}"`)) untested.push(line)
    }
    expect(untested).toEqual([])
  })
})
