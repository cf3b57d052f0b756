import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Leases, Run, RunLog, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Fiber } from "effect"

/** A run that works, and a fiber that waits for it with what it took. */
const waiting = (until?: (run: Run.Run) => boolean) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    const held = yield* TestRuns.hold(worker)
    const ports = yield* Effect.context<Runs.Runs | RunLog.RunLog>()
    const taken: Array<string> = []
    const run = yield* (yield* Runs.Runs).get(held.runId)
    const wait = yield* Effect.fork(
      SettledRun.untilSettled(ports, run, {
        take: ({ event }) => Effect.sync(() => taken.push(event.type)),
        ...(until === undefined ? {} : { until }),
      }),
    )
    yield* TestRuns.settle
    return { worker, held, taken, wait }
  })

const suspend = (held: Run.ClaimedRun) =>
  Effect.flatMap(Leases.Leases, (leases) =>
    leases.suspend(TestRuns.leaseOf(held), TestRuns.forToolCall("call")),
  )

describe("a wait for a run", () => {
  it.effect("ends when the run asks, with what came meanwhile", () =>
    Effect.gen(function* () {
      const { held, taken, wait } = yield* waiting()
      yield* TestRuns.append(held, [{ type: "CUSTOM", name: "note", value: 1 }])
      yield* suspend(held)
      strictEqual((yield* Fiber.join(wait)).status, "waiting")
      strictEqual(taken[0], "CUSTOM")
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )

  it.effect("for its end goes on over a question", () =>
    Effect.gen(function* () {
      const { held, wait, worker } = yield* waiting(({ status }) => Run.isTerminal(status))
      yield* suspend(held)
      yield* TestRuns.settle
      strictEqual(yield* Fiber.poll(wait).pipe(Effect.map(({ _tag }) => _tag)), "None")
      yield* (yield* Runs.Runs).resume(held.runId, TestRuns.resultOf("call", 1))
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      strictEqual((yield* Fiber.join(wait)).status, "completed")
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )

  it.effect("is none for a run that has settled", () =>
    Effect.gen(function* () {
      const ports = yield* Effect.context<Runs.Runs | RunLog.RunLog>()
      const held = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.complete(held)
      const run = yield* (yield* Runs.Runs).get(held.runId)
      deepStrictEqual(yield* SettledRun.untilSettled(ports, run), run)
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})
