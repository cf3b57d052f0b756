import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/testing-your-agent.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)
const names = ["refund.ts", "refund.test.ts", "takeover.test.ts", "crash.test.ts"]
const folder = await Code.write("testing-your-agent", files)

describe("the page about tests of an agent", () => {
  it("has code that compiles", async () => {
    expect(Object.keys(files)).toEqual(names)
    expect(await Code.problemsOf(names.map((name) => folder + name))).toBe("")
  })
})

// The tests of the page are tests of this file.
for (const name of names.filter((name) => name.endsWith(".test.ts"))) await import(folder + name)
