import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/mcp.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

describe("the code of the page about MCP", () => {
  it("compiles where a block is a whole file", async () => {
    expect(Object.keys(files)).toEqual(["agent.ts"])
    const folder = await Code.write("mcp", files)
    expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
  })
})
