import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/agent-frameworks.md")

const files = Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [{ name, text }]))

describe("the code of the page about other frameworks", () => {
  it("has a recipe for each", () => {
    expect(files.map(({ name }) => name)).toEqual([
      "openai-agents/src/worker.ts",
      "tool-loop-agent/src/worker.ts",
      "langgraph/src/worker.ts",
      "mastra/src/worker.ts",
    ])
  })

  for (const { name, text } of files) {
    it(`is that of the example, which is compiled and run: ${name}`, async () => {
      expect(text).toBe(`// ${name}\n${await Code.read(`../../frameworks/${name}`)}`)
    })
  }
})
