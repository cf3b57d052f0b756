/**
 * What following a log must do: give every entry once, through all that happens to the run, and end with it.
 *
 * @since 0.1.0
 */
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

/** Follows a log into a queue, from a fiber that is waiting once this ends. */
const followed = (runId: Ids.RunId, after = 0) =>
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
      /** The types of the next `count` entries, waited for. */
      next: (count: number) =>
        Effect.map(Queue.takeN(entries, count), (taken) =>
          Chunk.toArray(taken).map(({ event }) => event.type),
        ),
    }
  })

/**
 * Declares the tests of `RunLog.follow`; part of `RunLogSuite`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`RunLog.follow (${name})`, () => {
    test(
      "follow gives a log that has ended, from the start, the middle and the end",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [AgentEvent.custom("test", 1)])
        yield* TestRuns.complete(held)
        const idsAfter = (after: number | undefined) =>
          log
            .follow(
              after === undefined ? { runId: held.runId } : { runId: held.runId, after: EventId.make(after) },
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
      "follow gives events as they come and ends with the run",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const all = yield* followed(held.runId)
        const rest = yield* followed(held.runId, 1)
        deepStrictEqual(yield* all.next(1), ["RUN_STARTED"])
        yield* TestRuns.append(held, [AgentEvent.stepStarted("plan")])
        deepStrictEqual(yield* all.next(1), ["STEP_STARTED"])
        deepStrictEqual(yield* rest.next(1), ["STEP_STARTED"])
        yield* TestRuns.append(held, [AgentEvent.stepFinished("plan")])
        yield* TestRuns.complete(held)
        deepStrictEqual(yield* all.next(2), ["STEP_FINISHED", "RUN_FINISHED"])
        deepStrictEqual(yield* rest.next(2), ["STEP_FINISHED", "RUN_FINISHED"])
        yield* Fiber.join(all.fiber)
        yield* Fiber.join(rest.fiber)
      }),
    )

    test(
      "follow goes through a takeover",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        const all = yield* followed(held.runId)
        yield* TestRuns.append(held, [AgentEvent.textStart("m")])
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
      "follow stays with a run that is pending, and one that waits",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const { runId } = yield* TestRuns.submit()
        const all = yield* followed(runId)
        const held = yield* TestRuns.claimOne(worker)
        deepStrictEqual(yield* all.next(1), ["RUN_STARTED"])
        yield* leases.suspend(TestRuns.leaseOf(held), TestRuns.forToolCall())
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
      "a follower that is slow holds up nobody, and misses nothing",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const quick = yield* followed(held.runId)
        const gate = yield* Effect.makeLatch()
        const slow: Array<number> = []
        const fiber = yield* TestRuns.start(
          Stream.runForEach(log.follow({ runId: held.runId }), ({ eventId }) =>
            Effect.zipRight(
              gate.await,
              Effect.sync(() => slow.push(eventId)),
            ),
          ),
        )
        deepStrictEqual(yield* quick.next(1), ["RUN_STARTED"])
        const events = Array.from({ length: 10 }, (_, n) => AgentEvent.custom("large", `${n}`.repeat(50_000)))
        for (let batch = 0; batch < 3; batch++) {
          yield* TestRuns.append(held, events)
          deepStrictEqual(
            yield* quick.next(10),
            events.map(({ type }) => type),
          )
        }
        yield* TestRuns.complete(held)
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
      "follow of a run that does not exist says so",
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
