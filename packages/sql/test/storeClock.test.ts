import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, type ControlPlane, Leases, RunLog } from "@runlease/core"
import { JumpClock, TestRuns } from "@runlease/testkit"
import { Chunk, Clock, Duration, Effect, Fiber, Stream } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const hour = Duration.toMillis("1 hour")

/** Opens one file repeatedly under one clock, which starts two hours after the epoch. */
const makeFile = Effect.gen(function* () {
  const filename = yield* TempDatabase.filename
  const clock = yield* JumpClock.make
  yield* clock.setWall(2 * hour)
  const opened = <A, E>(body: Effect.Effect<A, E, ControlPlane.ProjectPorts>) =>
    body.pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })), Effect.withClock(clock))
  return { clock, opened }
})

describe("a file reopened after the wall clock was set back", () => {
  it.scopedLive("lets its leases lapse within the longest lease, and then their runs are claimable", () =>
    Effect.gen(function* () {
      const { clock, opened } = yield* makeFile
      const claimed = yield* opened(Effect.flatMap(TestRuns.register(), TestRuns.hold))
      yield* clock.setWall(hour)
      yield* opened(
        Effect.gen(function* () {
          const other = yield* TestRuns.register("other")
          yield* clock.jump(Duration.toMillis("5 minutes") - 1)
          deepStrictEqual(yield* TestRuns.claim(other), [])
          yield* clock.jump(1)
          strictEqual((yield* TestRuns.claimOne(other)).runId, claimed.runId)
        }),
      )
    }),
  )

  it.scopedLive("frees a lane as soon as its run has ended", () =>
    Effect.gen(function* () {
      const { clock, opened } = yield* makeFile
      const [first, second] = yield* opened(
        Effect.all([
          TestRuns.submit({ concurrencyKey: "lane" }),
          TestRuns.submit({ concurrencyKey: "lane" }),
        ]),
      )
      yield* clock.setWall(hour)
      yield* opened(
        Effect.gen(function* () {
          const worker = yield* TestRuns.register()
          const claimed = yield* TestRuns.claimOne(worker)
          strictEqual(claimed.runId, first.runId)
          yield* TestRuns.complete(claimed)
          strictEqual((yield* TestRuns.claimOne(worker)).runId, second.runId)
        }),
      )
    }),
  )

  it.scopedLive("does not take the lease of a live worker", () =>
    Effect.gen(function* () {
      const { clock, opened } = yield* makeFile
      const { claimed, worker } = yield* opened(
        Effect.gen(function* () {
          const worker = yield* TestRuns.register()
          return { worker, claimed: yield* TestRuns.hold(worker) }
        }),
      )
      yield* clock.setWall(hour)
      yield* opened(
        Effect.gen(function* () {
          const leases = yield* Leases.Leases
          const [renewal] = yield* leases.renew({
            workerId: worker,
            leases: [TestRuns.leaseOf(claimed)],
            leaseDuration: TestRuns.leaseDuration,
          })
          strictEqual(renewal?._tag, "Renewed")
          const other = yield* TestRuns.register("other")
          yield* clock.jump(Duration.toMillis(TestRuns.leaseDuration))
          strictEqual((yield* TestRuns.claimOne(other)).runId, claimed.runId)
        }),
      )
    }),
  )
})

/** A monotonic clock that is a millisecond later at each reading. */
const ticking = (): Clock.Clock => {
  const real = Clock.make()
  let nanos = 0n
  const unsafeCurrentTimeNanos = () => (nanos += 1_000_000n)
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => real.unsafeCurrentTimeMillis(),
    currentTimeMillis: real.currentTimeMillis,
    unsafeCurrentTimeNanos,
    currentTimeNanos: Effect.sync(unsafeCurrentTimeNanos),
    sleep: (duration) => real.sleep(duration),
  }
}

describe("one transaction", () => {
  it.scopedLive("has one instant: a follower gets entries with the times that a reader gets later", () =>
    Effect.gen(function* () {
      const log = yield* RunLog.RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const follower = yield* Effect.fork(Stream.runCollect(log.follow({ runId: claimed.runId })))
      yield* TestRuns.settle
      yield* TestRuns.append(claimed, [AgentEvent.custom("test", 1)])
      yield* TestRuns.complete(claimed)
      const followed = Chunk.toReadonlyArray(yield* Fiber.join(follower))
      deepStrictEqual(followed, yield* log.read({ runId: claimed.runId }))
      const { updatedAt } = yield* TestRuns.getRun(claimed.runId)
      deepStrictEqual(followed.at(-1)?.createdAt, updatedAt)
    }).pipe(Effect.provide(TempDatabase.layer), Effect.withClock(ticking())),
  )
})
