import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/agent-frameworks.md")

const named = Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [{ name, text }]))
const files = named.filter(({ name }) => name.includes("/"))
const programs = named.filter(({ name }) => !name.includes("/"))

describe("the code of the page about other frameworks", () => {
  it("has a recipe for each", () => {
    expect(files.map(({ name }) => name)).toEqual([
      "tool-loop-agent/src/worker.ts",
      "openai-agents/src/worker.ts",
      "langgraph/src/worker.ts",
      "mastra/src/worker.ts",
    ])
  })

  it("compiles where a block is a whole file", async () => {
    expect(programs.map(({ name }) => name)).toEqual(["research.ts", "program.ts"])
    const folder = await Code.write(
      "frameworks",
      Object.fromEntries(programs.map(({ name, text }) => [name, text])),
    )
    expect(await Code.problemsOf(programs.map(({ name }) => folder + name))).toBe("")
  })

  for (const { name, text } of files) {
    it(`is that of the example, which is compiled and run: ${name}`, async () => {
      expect(text).toBe(`// ${name}\n${await Code.read(`../../frameworks/${name}`)}`)
    })
  }
})
