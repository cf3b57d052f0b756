import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Leases, RequestSnapshot, Run, RunLog, Runs } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Chunk, Effect, Fiber, Layer, Option, Stream } from "effect"
import { plain } from "./plain.js"
import { client } from "./serving.js"

const foreign = Layer.provide(client, plain())

const test = TestRuns.tester(foreign)

describe("the client of a server without our extensions", () => {
  test(
    "claims one run at a time, with the defaults for fields that the server lacks",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit()
      yield* TestRuns.submit()
      const claimed = yield* TestRuns.claim(worker, { limit: 5, wait: "1 second" })
      strictEqual(claimed.length, 1)
      strictEqual(claimed[0]!.leaseEpoch, null)
      strictEqual(claimed[0]!.attempt, 1)
      deepStrictEqual(claimed[0]!.snapshot, RequestSnapshot.empty)
    }),
  )

  test(
    "reads a run from its conversation",
    Effect.gen(function* () {
      const run = yield* TestRuns.submit({ agentId: "agent" })
      strictEqual(run.agentId, "agent")
      strictEqual(run.maxAttempts, 1)
      const runs = yield* Runs.Runs
      strictEqual((yield* runs.list()).items[0]!.messageId, run.messageId)
    }),
  )

  test(
    "renews one by one, lets a lease lapse instead of handing back, and hears no signals",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker)
      const other = yield* TestRuns.hold(worker)
      const leases = yield* Leases.Leases
      const silent = yield* TestRuns.start(Stream.runHead(leases.signals(worker)))
      const renew = leases.renew({
        workerId: worker,
        leases: [run, other].map(TestRuns.leaseOf),
        leaseDuration: "30 seconds",
      })
      deepStrictEqual(
        (yield* renew).map(({ _tag }) => _tag),
        ["Renewed", "Renewed"],
      )
      const runs = yield* Runs.Runs
      yield* runs.cancel(run.runId)
      yield* leases.release(TestRuns.leaseOf(other))
      strictEqual((yield* TestRuns.getRun(other.runId) as Effect.Effect<Run.Run>).status, "running")
      yield* TestRuns.lapse
      deepStrictEqual(
        (yield* renew).map(({ _tag }) => _tag),
        ["Cancelled", "Lost"],
      )
      assertTrue(Option.isNone(yield* Fiber.poll(silent)))
    }),
  )

  test(
    "reads verdicts by status and text",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker)
      const log = yield* RunLog.RunLog
      const events = [AgentEvent.custom("test", 1)]
      const request = { runId: run.runId, events, fence: TestRuns.leaseOf(run) }
      yield* log.append(request)
      const mismatch = yield* Effect.flip(log.append({ ...request, expectedSequence: Run.Sequence.make(9) }))
      deepStrictEqual(
        [mismatch._tag, "latestSequence" in mismatch ? mismatch.latestSequence : undefined],
        ["CursorMismatch", 1],
      )
      const large = AgentEvent.custom("test", "a".repeat(RunLog.maxEventBytes))
      const refused = yield* Effect.flip(log.append({ ...request, events: [large] }))
      deepStrictEqual([refused._tag, "reason" in refused && refused.reason], ["EventRefused", "too_large"])
      yield* TestRuns.complete(run)
      const ended = yield* Effect.flip(log.append({ ...request, fence: undefined }))
      deepStrictEqual([ended._tag, "status" in ended && ended.status], ["RunEnded", "completed"])
    }),
  )

  test(
    "follows a log to its end",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker)
      const log = yield* RunLog.RunLog
      const fiber = yield* TestRuns.start(Stream.runCollect(log.follow({ runId: run.runId })))
      yield* TestRuns.append(run, [AgentEvent.custom("test", 1)])
      yield* TestRuns.complete(run)
      const entries = yield* TestRuns.joinAdvancing(fiber)
      deepStrictEqual(
        Chunk.toArray(entries).map(({ event }) => event.type),
        ["RUN_STARTED", "CUSTOM", "RUN_FINISHED"],
      )
    }),
  )
})
