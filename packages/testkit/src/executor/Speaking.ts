/** The part of the executors' suite on what comes through. */
import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { failed, start, succeeded, test, untilGone } from "./Execution.js"
import { type Make, Says, SaysThenCrashes } from "./Subject.js"

/** Text that every protocol has to carry past its own syntax. */
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
  describe("what the peer says", () => {
    test(
      "comes through whole and in order",
      Effect.gen(function* () {
        const subject = yield* make(Says({ texts }))
        yield* succeeded(yield* start(subject), texts.join(""))
        yield* untilGone(subject)
      }),
    )

    test(
      "comes through when it is many small pieces, and when it is a long one",
      Effect.gen(function* () {
        const many = Array.from({ length: 2000 }, (_, index) => `${index} `)
        const long = "é🌍".repeat(20_000)
        for (const said of [many, [long, "end"]]) {
          yield* succeeded(yield* start(yield* make(Says({ texts: said }))), said.join(""))
        }
      }),
    )

    test(
      "may be nothing",
      Effect.gen(function* () {
        yield* succeeded(yield* start(yield* make(Says({ texts: [] }))), "")
      }),
    )

    test(
      "comes through to each of many runs at once",
      Effect.gen(function* () {
        const subject = yield* make(Says({ texts }))
        yield* Effect.forEach(
          Array.from({ length: 8 }),
          () => Effect.flatMap(start(subject), (execution) => succeeded(execution, texts.join(""))),
          { concurrency: "unbounded", discard: true },
        )
        yield* untilGone(subject)
      }),
    )

    test(
      "comes through before the failure when it dies, at any point of what it says",
      Effect.gen(function* () {
        for (const said of [0, 1, 2, texts.length].map((count) => texts.slice(0, count))) {
          const subject = yield* make(SaysThenCrashes({ texts: said }))
          yield* failed(yield* start(subject), said.join(""))
          yield* untilGone(subject)
        }
      }),
    )
  })
}
