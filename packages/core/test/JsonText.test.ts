import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as JsonText from "../src/model/JsonText.js"

const bytesOf = (text: string): number => new TextEncoder().encode(JSON.stringify(text)).length - 2

/** Texts of all UTF-16 units, lone surrogates included. */
const texts = FastCheck.array(
  FastCheck.oneof(
    FastCheck.integer({ min: 0, max: 0xffff }),
    FastCheck.integer({ min: 0, max: 0x7f }),
    FastCheck.integer({ min: 0xd800, max: 0xdfff }),
  ),
  { maxLength: 200 },
).map((units) => String.fromCharCode(...units))

describe("the text of JSON", () => {
  it("has the size that it takes when it is escaped", () => {
    FastCheck.assert(
      FastCheck.property(texts, (text) => {
        expect(JsonText.sizeOf(text)).toBe(bytesOf(text))
      }),
      { numRuns: 1000 },
    )
  })

  it("is the sum of its parts, none of which is too large, is empty, or begins in a pair", () => {
    FastCheck.assert(
      FastCheck.property(texts, FastCheck.integer({ min: 6, max: 100 }), (text, maxBytes) => {
        const parts = JsonText.split(text, maxBytes)
        expect(parts.join("")).toBe(text)
        for (const part of parts) expect(bytesOf(part)).toBeLessThanOrEqual(maxBytes)
        expect(parts.slice(1)).not.toContain("")
        expect(parts.reduce((sum, part) => sum + bytesOf(part), 0)).toBe(bytesOf(text))
      }),
      { numRuns: 1000 },
    )
  })
})
