import { Lines } from "@runlease/process"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Chunk, Effect, Stream } from "effect"

const chunks = (...parts: ReadonlyArray<string | Uint8Array>) =>
  Stream.fromIterable(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)))

describe("Lines", () => {
  it.effect("gives the same lines for every split into chunks", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("é\r\n\n€uro 😀\nlast")
      for (let cut = 0; cut <= bytes.length; cut++) {
        const lines = yield* chunks(bytes.subarray(0, cut), bytes.subarray(cut)).pipe(
          Lines.split(100),
          Stream.map((line) => `${line.number} ${line.end} ${line.text}`),
          Stream.runCollect,
        )
        deepStrictEqual(Chunk.toReadonlyArray(lines), [
          "1 newline é",
          "2 newline ",
          "3 newline €uro 😀",
          "4 input last",
        ])
      }
    }),
  )

  it.effect("gives a line of the maximum length whole, and a longer one in pieces", () =>
    Effect.gen(function* () {
      const lines = yield* chunks("1234\n12", "345", "6789\nx\n").pipe(Lines.split(4), Stream.runCollect)
      deepStrictEqual(
        Chunk.toReadonlyArray(lines).map((line) => `${line.number} ${line.end} ${line.text}`),
        ["1 newline 1234", "2 limit 1234", "2 limit 5678", "2 newline 9", "3 newline x"],
      )
    }),
  )

  it.effect("gives no line for an empty input", () =>
    Effect.gen(function* () {
      strictEqual(yield* Stream.runCount(Lines.split(4)(Stream.empty)), 0)
    }),
  )
})
