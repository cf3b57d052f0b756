/** RunLog suite: appends under a cursor, which make a repeated batch harmless. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { EventId, Sequence } from "@runlease/core/Run"
import { type AppendRequest, RunLog } from "@runlease/core/RunLog"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const event = (value: number) => AgentEvent.custom("test", value)

/** The verdict of an append: the tag of its error, or `Succeeded`. */
export const verdictOf = (request: AppendRequest) =>
  Effect.flatMap(RunLog, (log) => TestRuns.verdictOf(log.append(request)))

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "append of a repeated batch adds nothing",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const fence = TestRuns.leaseOf(claimed)
      const bySequence = {
        runId: claimed.runId,
        events: [event(1), event(2)],
        expectedSequence: Sequence.make(0),
        fence,
      }
      strictEqual((yield* log.append(bySequence)).appendedCount, 2)
      const byEvent = {
        runId: claimed.runId,
        events: [event(1), event(2)],
        expectedEventId: EventId.make(1),
        fence,
      }
      const both = { ...bySequence, ...byEvent }
      // The order of keys says nothing.
      const shuffled = {
        ...bySequence,
        events: [{ value: 1, name: "test", type: "CUSTOM" }, event(2)],
      }
      for (const request of [bySequence, byEvent, both, shuffled]) {
        const again = yield* log.append(request)
        strictEqual(again.appendedCount, 0)
        strictEqual(again.latestEventId, 3)
        strictEqual(again.latestSequence, 2)
      }
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, 3)
    }),
  )

  test(
    "append adds only the rest of a batch that has begun",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1), event(2)])
      const appended = yield* log.append({
        runId: claimed.runId,
        events: [event(1), event(2), event(3)],
        expectedSequence: Sequence.make(0),
        fence: TestRuns.leaseOf(claimed),
      })
      strictEqual(appended.appendedCount, 1)
      strictEqual(appended.latestSequence, 3)
      deepStrictEqual(
        (yield* TestRuns.eventsOf(claimed.runId, 1)).map((each) => each["value"]),
        [1, 2, 3],
      )
      // The same from the middle of the log, by either cursor.
      for (const [value, cursor] of [
        [4, { expectedSequence: Sequence.make(2) }],
        [5, { expectedEventId: EventId.make(3) }],
      ] as const) {
        const events = Array.from({ length: value - 2 }, (_, index) => event(index + 3))
        const fence = TestRuns.leaseOf(claimed)
        const more = yield* log.append({ runId: claimed.runId, events, fence, ...cursor })
        strictEqual(more.appendedCount, 1)
        strictEqual<number>(more.latestSequence, value)
      }
    }),
  )

  test(
    "append refuses a cursor that is not the end of the log",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1), event(2)])
      const base = { runId: claimed.runId, events: [event(3)], fence: TestRuns.leaseOf(claimed) }
      const refused: ReadonlyArray<Partial<AppendRequest>> = [
        { expectedSequence: Sequence.make(3) },
        { expectedSequence: Sequence.make(1) },
        { expectedSequence: Sequence.make(0) },
        { expectedEventId: EventId.make(4) },
        { expectedEventId: EventId.make(0) },
        // Each is right somewhere, yet not both in one place.
        { expectedEventId: EventId.make(3), expectedSequence: Sequence.make(1) },
        { expectedEventId: EventId.make(1), expectedSequence: Sequence.make(2) },
        // A batch that is shorter than what is there, and one that differs after a common beginning.
        { events: [event(1)], expectedSequence: Sequence.make(0) },
        { events: [event(1), event(9), event(3)], expectedSequence: Sequence.make(0) },
      ]
      for (const request of refused) {
        strictEqual(yield* verdictOf({ ...base, ...request }), "CursorMismatch", JSON.stringify(request))
      }
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, 3)
      const right = { expectedEventId: EventId.make(3), expectedSequence: Sequence.make(2) }
      strictEqual(yield* verdictOf({ ...base, ...right }), "Succeeded")
    }),
  )

  test(
    "one of many concurrent appends at one cursor succeeds",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, index) => index),
        (index) =>
          verdictOf({
            runId: claimed.runId,
            events: [event(index)],
            expectedSequence: Sequence.make(0),
            fence: TestRuns.leaseOf(claimed),
          }),
        { concurrency: "unbounded" },
      )
      strictEqual(verdicts.filter((verdict) => verdict === "Succeeded").length, 1)
      strictEqual(verdicts.filter((verdict) => verdict === "CursorMismatch").length, 9)
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, 2)
    }),
  )

  test(
    "append without a cursor always adds",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1)])
      strictEqual((yield* TestRuns.append(claimed, [event(1)])).latestSequence, 2)
    }),
  )
}
