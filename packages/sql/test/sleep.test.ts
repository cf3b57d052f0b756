import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, type Ids, Runs, Step, Worker } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { type Duration, Effect, Ref, TestClock } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

/** A worker whose executor sleeps once, and says in which of its attempts it is. */
const startWorker = (attempts: Ref.Ref<number>, sleep: Duration.DurationInput) =>
  Worker.make({ leaseDuration: "5 seconds", drainTimeout: 0 }).pipe(
    Effect.provide(
      Executor.layerWith(
        Executor.from(() =>
          Effect.gen(function* () {
            const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
            yield* Step.sleep("pause", sleep)
            return `attempt ${attempt}`
          }),
        ),
      ),
    ),
  )

/** Runs a program with the control plane on a file, which it closes at the end. */
const opened = (filename: string) => Effect.provide(SqlControlPlane.layerSqlite({ filename }))

const untilStatus = <E, R>(runId: Ids.RunId, status: string, pause: Effect.Effect<void, E, R>) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.repeat(Effect.zipLeft(runs.get(runId), pause), { until: (run) => run.status === status }),
  )

describe("a run that sleeps while its control plane is closed", () => {
  it.scoped("goes on at its time after an hour", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const attempts = yield* Ref.make(0)
      const { runId } = yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* startWorker(attempts, "1 hour")
        const { run } = yield* runs.submit({ agentId: "agent" })
        yield* untilStatus(
          run.runId,
          "waiting",
          Effect.zipRight(TestRuns.settle, TestClock.adjust("10 millis")),
        )
        return run
      }).pipe(Effect.scoped, opened(filename))

      yield* TestClock.adjust("59 minutes")
      const { startedAt, wakesAt } = yield* Effect.gen(function* () {
        yield* startWorker(attempts, "1 hour")
        yield* TestRuns.settle
        const { startedAt, status, waiting } = yield* TestRuns.getRun(runId)
        strictEqual(status, "waiting")
        return { startedAt, wakesAt: waiting?.wakesAt }
      }).pipe(Effect.scoped, opened(filename))
      const slept = wakesAt!.epochMillis - startedAt!.epochMillis
      assertTrue(slept >= 3_600_000 && slept < 3_601_000, String(slept))

      yield* TestClock.adjust("1 minute")
      yield* Effect.gen(function* () {
        yield* startWorker(attempts, "1 hour")
        yield* untilStatus(runId, "completed", TestClock.adjust("10 millis"))
      }).pipe(Effect.scoped, opened(filename))
      strictEqual(yield* Ref.get(attempts), 2)
    }),
  )

  it.scopedLive("goes on at its time, in seconds of the machine", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      const attempts = yield* Ref.make(0)
      const breath = Effect.sleep("20 millis")
      const { runId } = yield* Effect.gen(function* () {
        yield* startWorker(attempts, "4 seconds")
        const { run } = yield* Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId: "agent" }))
        return yield* untilStatus(run.runId, "waiting", breath)
      }).pipe(Effect.scoped, opened(filename))

      const run = yield* Effect.gen(function* () {
        yield* startWorker(attempts, "4 seconds")
        return yield* untilStatus(runId, "completed", breath)
      }).pipe(Effect.scoped, opened(filename))
      deepStrictEqual([yield* Ref.get(attempts), run.attempt], [2, 1])
      assertTrue(run.finishedAt!.epochMillis - run.startedAt!.epochMillis >= 4_000)
    }),
  )
})
