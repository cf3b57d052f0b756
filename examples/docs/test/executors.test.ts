import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/writing-an-executor.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

describe("the code of the page about executors", () => {
  it("compiles where a block is a whole file", async () => {
    expect(Object.keys(files)).toEqual([
      "notify.ts",
      "refund.ts",
      "invoice.ts",
      "connect.ts",
      "refundTool.ts",
    ])
    const folder = await Code.write("executors", files)
    expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
  })
})
