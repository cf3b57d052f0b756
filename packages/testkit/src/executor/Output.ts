/** Executor suite: the text of the peer reaches the log whole and in order; invalid or oversized output fails the run. */
import { describe } from "@effect/vitest"
import { assertTrue } from "@effect/vitest/utils"
import { Effect } from "effect"
import { assertFailed, assertSucceeded, start, test, untilNoPeer } from "./Execution.js"
import { type Behaviour, Huge, type Make, Malformed, Says, SaysThenCrashes } from "./Subject.js"

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

  const cases: ReadonlyArray<readonly [string, Behaviour]> = [
    ["one piece of output that is too large", Huge({ bytes: hugeBytes })],
    ["output that is not its peer's protocol", Malformed()],
  ]
  describe("an executor refuses", () => {
    for (const [output, behaviour] of cases) {
      test(
        `${output}, with a code and a message, and ends its peer`,
        Effect.gen(function* () {
          const subject = yield* make(behaviour)
          const { code, message } = yield* assertFailed(yield* start(subject), "")
          assertTrue(code !== "", "the code is empty")
          assertTrue(message !== "", "the message is empty")
          assertTrue(message.length <= maxMessageLength, `the message has ${message.length} characters`)
          yield* untilNoPeer(subject)
        }),
      )
    }
  })
}

/** Above the size of one piece of output that an executor has to buffer, and the limit of an error message. */
const hugeBytes = 16 * 1024 * 1024

const maxMessageLength = 16 * 1024
