/** Executor suite: the text of the peer reaches the log whole and in order. */
import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailed, start, assertSucceeded, test, untilNoPeer } from "./Execution.js"
import { type Make, Says, SaysThenCrashes } from "./Subject.js"

/** Text that looks like the syntax of common protocols. */
export const texts: ReadonlyArray<string> = [
  "Hello",
  ", ",
  "wörld",
  " 🌍\n",
  "\n",
  '  "quoted" \\ back\\slash\t',
  '{"type":"TEXT_MESSAGE_END","messageId":"m"}\n',
  "data: [DONE]\n\n",
  "event: x\r\n",
  "\u2028\u0007",
  " ",
  "end",
]

export const tests = (make: Make): void => {
  describe("the output of the peer", () => {
    test(
      "arrives whole and in order",
      Effect.gen(function* () {
        const subject = yield* make(Says({ texts }))
        yield* assertSucceeded(yield* start(subject), texts.join(""))
        yield* untilNoPeer(subject)
      }),
    )

    test(
      "arrives in many small pieces and in one long one",
      Effect.gen(function* () {
        const many = Array.from({ length: 2000 }, (_, index) => `${index} `)
        const long = "é🌍".repeat(20_000)
        for (const pieces of [many, [long, "end"]]) {
          yield* assertSucceeded(yield* start(yield* make(Says({ texts: pieces }))), pieces.join(""))
        }
      }),
    )

    test(
      "may be empty",
      Effect.gen(function* () {
        yield* assertSucceeded(yield* start(yield* make(Says({ texts: [] }))), "")
      }),
    )

    test(
      "arrives at each of many concurrent runs",
      Effect.gen(function* () {
        const subject = yield* make(Says({ texts }))
        yield* Effect.forEach(
          Array.from({ length: 8 }),
          () => Effect.flatMap(start(subject), (execution) => assertSucceeded(execution, texts.join(""))),
          { concurrency: "unbounded", discard: true },
        )
        yield* untilNoPeer(subject)
      }),
    )

    test(
      "arrives before the failure when the peer crashes, after any piece",
      Effect.gen(function* () {
        for (const pieces of [0, 1, 2, texts.length].map((count) => texts.slice(0, count))) {
          const subject = yield* make(SaysThenCrashes({ texts: pieces }))
          yield* assertFailed(yield* start(subject), pieces.join(""))
          yield* untilNoPeer(subject)
        }
      }),
    )
  })
}
