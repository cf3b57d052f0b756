/** Executor suite: invalid or oversized output fails the run with a code and a message. */
import { describe } from "@effect/vitest"
import { assertTrue } from "@effect/vitest/utils"
import { Effect } from "effect"
import { assertFailed, start, test, untilNoPeer } from "./Execution.js"
import { type Behaviour, Huge, type Make, Malformed } from "./Subject.js"

/** Above the size of one piece of output that an executor has to buffer, and the limit of an error message. */
const hugeBytes = 16 * 1024 * 1024
const maxMessageLength = 16 * 1024

export const tests = (make: Make): void => {
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
