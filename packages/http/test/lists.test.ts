import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { atMost } from "../src/Wire.js"
import * as RunAgentInput from "../src/Wire/RunAgentInput.js"

describe("a list of the API", () => {
  it.effect("that is too long is refused before any of its items is read", () =>
    Effect.gen(function* () {
      let read = 0
      const item = Schema.String.pipe(
        Schema.filter(() => {
          read += 1
          return true
        }),
      )
      const list = Schema.Struct({ ids: Schema.NonEmptyArray(item).pipe(atMost(3)) })
      const decode = Schema.decodeUnknown(list)
      const error = yield* Effect.flip(decode({ ids: ["a", "b", "c", "d"] }))
      expect([error.message.includes("must hold at most 3 items"), read]).toEqual([true, 0])
      expect((yield* decode({ ids: ["a", "b", "c"] })).ids).toEqual(["a", "b", "c"])
      expect(read).toBeGreaterThan(2)
      expect((yield* Effect.flip(decode({ ids: "abc" }))).message).toContain("must be a list")
    }),
  )

  it("of an AG-UI input has a place that a refusal names", () => {
    const long = Array.from({ length: 20_001 }, () => ({}))
    expect(RunAgentInput.tooLong({ messages: long })).toEqual({
      path: ["messages"],
      says: "must hold at most 20000 items",
    })
    const calling = { role: "assistant", toolCalls: Array.from({ length: 1_001 }, () => ({})) }
    expect(RunAgentInput.tooLong({ messages: [{}, calling] })?.path).toEqual(["messages", 1, "toolCalls"])
    expect(RunAgentInput.tooLong({ messages: [{}], tools: [], state: long })).toBe(undefined)
  })
})
