import { assertTrue } from "@effect/vitest/utils"
import { readFileSync } from "node:fs"
import { describe, it } from "vitest"

const document = readFileSync(new URL("../../../docs/ag-ui-consumer.md", import.meta.url), "utf8")

/** What each row of the tables asks for, and the file and the title of its test. */
const rows = [...document.matchAll(/^\| (.*?) +\| `(.*?)`: (.*?) +\|$/gm)].map(([, what, file, title]) => ({
  what: what!,
  file: file!,
  title: title!,
}))

/** Rows of tables that are neither their head nor the line below it. */
const count = document.split("\n").filter((line) => /^\| (?!-|The consumer)/.test(line)).length

describe("an obligation of AG-UI on a consumer has the test that the table names", () => {
  it("in every row", () => {
    assertTrue(rows.length > 0 && rows.length === count, `${count - rows.length} rows name no test`)
  })

  for (const { file, title, what } of rows) {
    it(what, () => {
      const text = readFileSync(new URL(file, import.meta.url), "utf8")
      assertTrue(text.includes(`"${title}"`), `${file} has no test called: ${title}`)
    })
  }
})
