import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/transactional-steps.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

describe("the page about steps in a transaction", () => {
  it("has code that compiles", async () => {
    expect(Object.keys(files)).toEqual(["refund.ts", "promises.ts", "driver.ts", "prune.ts"])
    const folder = await Code.write("transactions", files)
    expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
  })

  it("has the statement that the command prints", async () => {
    const { TransactionalSteps } = await import("@runlease/sql")
    const statement = Code.blocksOf(page).find(({ language }) => language === "sql")
    expect(statement?.text).toBe(`${TransactionalSteps.definition("postgres")};\n`)
  })
})
