/** The part of the executors' suite on output that no run can have. */
import { describe } from "@effect/vitest"
import { assertTrue } from "@effect/vitest/utils"
import { Effect } from "effect"
import { failed, start, test, untilGone } from "./Execution.js"
import { type Behaviour, Huge, type Make, Malformed } from "./Subject.js"

/** More than an executor has to hold of one thing, and more than it may put into a message for people. */
const hugeBytes = 16 * 1024 * 1024
const maxMessageLength = 16 * 1024

export const tests = (make: Make): void => {
  const refused: ReadonlyArray<readonly [string, Behaviour]> = [
    ["one piece of output that is too large", Huge({ bytes: hugeBytes })],
    ["output that is not its peer's protocol", Malformed()],
  ]
  describe("an executor refuses", () => {
    for (const [what, behaviour] of refused) {
      test(
        `${what}, with a code and a message, and is done with its peer`,
        Effect.gen(function* () {
          const subject = yield* make(behaviour)
          const { code, message } = yield* failed(yield* start(subject), "")
          assertTrue(code !== "", "the code is empty")
          assertTrue(message !== "", "the message is empty")
          assertTrue(message.length <= maxMessageLength, `the message has ${message.length} characters`)
          yield* untilGone(subject)
        }),
      )
    }
  })
}
