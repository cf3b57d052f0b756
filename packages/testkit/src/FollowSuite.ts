/** What following a log must do: emit every entry once, across takeovers and waits, and end with the run. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { EventId } from "@runlease/core/Run"
import { type LogEntry, RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Chunk, Effect, Fiber, type Layer, Queue, Stream } from "effect"
import * as TestRuns from "./TestRuns.js"

const unknownRun = Ids.RunId.make("unknown")

/** Follows a log into a queue. The fiber waits for entries when this returns. */
const startFollower = (runId: Ids.RunId, after = 0) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const entries = yield* Queue.unbounded<LogEntry>()
    const fiber = yield* TestRuns.start(
      Stream.runForEach(log.follow({ runId, after: EventId.make(after) }), (entry) =>
        Queue.offer(entries, entry),
      ),
    )
    return {
      fiber,
      /** Waits for the next `count` entries and returns their types. */
      next: (count: number) =>
        Effect.map(Queue.takeN(entries, count), (chunk) =>
          Chunk.toArray(chunk).map(({ event }) => event.type),
        ),
    }
  })

/** Declares the tests of `RunLog.follow`; part of `RunLogSuite`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`RunLog.follow (${name})`, () => {
    test(
      "follow emits a log that has ended, from the start, the middle and the end",
      Effect.gen(function* () {
        const log = yield* RunLog
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(claimed, [AgentEvent.custom("test", 1)])
        yield* TestRuns.complete(claimed)
        const idsAfter = (after: number | undefined) =>
          log
            .follow(
              after === undefined
                ? { runId: claimed.runId }
                : { runId: claimed.runId, after: EventId.make(after) },
            )
            .pipe(
              Stream.map((entry) => entry.eventId),
              Stream.runCollect,
              Effect.map((ids) => Chunk.toArray(ids)),
            )
        deepStrictEqual(yield* idsAfter(undefined), [1, 2, 3])
        deepStrictEqual(yield* idsAfter(1), [2, 3])
        deepStrictEqual(yield* idsAfter(3), [])
      }),
    )

    test(
      "follow emits events as they arrive and ends with the run",
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const all = yield* startFollower(claimed.runId)
        const rest = yield* startFollower(claimed.runId, 1)
        deepStrictEqual(yield* all.next(1), ["RUN_STARTED"])
        yield* TestRuns.append(claimed, [AgentEvent.stepStarted("plan")])
        deepStrictEqual(yield* all.next(1), ["STEP_STARTED"])
        deepStrictEqual(yield* rest.next(1), ["STEP_STARTED"])
        yield* TestRuns.append(claimed, [AgentEvent.stepFinished("plan")])
        yield* TestRuns.complete(claimed)
        deepStrictEqual(yield* all.next(2), ["STEP_FINISHED", "RUN_FINISHED"])
        deepStrictEqual(yield* rest.next(2), ["STEP_FINISHED", "RUN_FINISHED"])
        yield* Fiber.join(all.fiber)
        yield* Fiber.join(rest.fiber)
      }),
    )

    test(
      "follow continues across a takeover",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const claimed = yield* TestRuns.hold(worker)
        const all = yield* startFollower(claimed.runId)
        yield* TestRuns.append(claimed, [AgentEvent.textStart("m")])
        deepStrictEqual(yield* all.next(2), ["RUN_STARTED", "TEXT_MESSAGE_START"])
        yield* TestRuns.lapse
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(yield* all.next(2), ["TEXT_MESSAGE_END", "CUSTOM"])
        yield* TestRuns.complete(again)
        deepStrictEqual(yield* all.next(1), ["RUN_FINISHED"])
        yield* Fiber.join(all.fiber)
      }),
    )

    test(
      "follow continues while a run is pending and while it waits",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* TestRuns.submit()
        const all = yield* startFollower(runId)
        const claimed = yield* TestRuns.claimOne(worker)
        deepStrictEqual(yield* all.next(1), ["RUN_STARTED"])
        yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
        deepStrictEqual(yield* all.next(1), ["RUN_FINISHED"])
        yield* runs.resume(runId, TestRuns.resultOf("call", 1))
        yield* TestRuns.claimOne(worker)
        deepStrictEqual(yield* all.next(1), ["RUN_STARTED"])
        yield* runs.cancel(runId)
        deepStrictEqual(yield* all.next(1), ["RUN_FINISHED"])
        yield* Fiber.join(all.fiber)
      }),
    )

    test(
      "a slow follower delays no other follower and misses no entry",
      Effect.gen(function* () {
        const log = yield* RunLog
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const quick = yield* startFollower(claimed.runId)
        const gate = yield* Effect.makeLatch()
        const slow: Array<number> = []
        const fiber = yield* TestRuns.start(
          Stream.runForEach(log.follow({ runId: claimed.runId }), ({ eventId }) =>
            Effect.zipRight(
              gate.await,
              Effect.sync(() => slow.push(eventId)),
            ),
          ),
        )
        deepStrictEqual(yield* quick.next(1), ["RUN_STARTED"])
        const events = Array.from({ length: 10 }, (_, n) => AgentEvent.custom("large", `${n}`.repeat(50_000)))
        for (let batch = 0; batch < 3; batch++) {
          yield* TestRuns.append(claimed, events)
          deepStrictEqual(
            yield* quick.next(10),
            events.map(({ type }) => type),
          )
        }
        yield* TestRuns.complete(claimed)
        yield* Fiber.join(quick.fiber)
        deepStrictEqual(slow, [])
        yield* gate.open
        yield* Fiber.join(fiber)
        deepStrictEqual(
          slow,
          Array.from({ length: 32 }, (_, index) => index + 1),
        )
      }),
    )

    test(
      "follow fails for a run that does not exist",
      Effect.gen(function* () {
        const log = yield* RunLog
        strictEqual(
          yield* TestRuns.verdictOf(Stream.runDrain(log.follow({ runId: unknownRun }))),
          "RunNotFound",
        )
      }),
    )
  })
}
