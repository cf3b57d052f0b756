import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/openai-responses.md")

describe("the code of the page about OpenAI Responses", () => {
  it("compiles", async () => {
    const [block] = Code.blocksOf(page)
    expect(block?.language).toBe("ts")
    const folder = await Code.write("openai-responses", { "client.ts": block!.text })
    expect(await Code.problemsOf([`${folder}client.ts`])).toBe("")
  })
})
