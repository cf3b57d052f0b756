import { describe, expect, it } from "@effect/vitest"
import * as Code from "../../../examples/docs/test/Code.js"

const blocks = Code.blocksOf(await Code.read("../../../docs/openai-agents.md"))
const programs = blocks.flatMap(({ name, text }) => (name === undefined ? [] : [{ name, text }]))

describe("the code of the page about the OpenAI Agents SDK", () => {
  it("compiles", async () => {
    expect(programs.map(({ name }) => name)).toEqual(["desk.ts", "research.ts", "program.ts"])
    const files = Object.fromEntries(programs.map(({ name, text }) => [name, text]))
    const folder = await Code.write("docs", files, new URL("../", import.meta.url))
    expect(await Code.problemsOf(programs.map(({ name }) => folder + name))).toBe("")
  })
})
