import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/ai-sdk.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ language, name, text }) =>
    language === "ts" || language === "tsx" ? [[name ?? "unnamed.ts", text]] : [],
  ),
)

describe("the code of the page about the AI SDK", () => {
  it("compiles", async () => {
    expect(Object.keys(files)).toEqual(["Chat.tsx", "stop.ts", "approvals.ts", "edits.ts"])
    const folder = await Code.write("ai-sdk", files)
    expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
  })
})
