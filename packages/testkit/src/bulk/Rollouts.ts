/** Bulk suite: rollouts, which route the runs of an agent that are not pinned. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims } from "@runlease/core/Claims"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { type Ramp, Rollouts } from "@runlease/core/Rollouts"
import { Runs } from "@runlease/core/Runs"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Array, Effect, Either, Fiber, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const agentId = TestBulk.agent("rolled")

const idOf = (version: string) =>
  Effect.flatMap(WorkerRegistry, (registry) =>
    Effect.map(
      registry.register({ implementationKind: "test", workerKey: "worker", version }),
      ({ id }) => id,
    ),
  )

const idsOf = (runs: ReadonlyArray<{ readonly runId: string }>): ReadonlyArray<string> =>
  runs.map(({ runId }) => runId).toSorted()

const submit = (publicId: string, input: Parameters<typeof TestRuns.submit>[0] = {}) =>
  TestRuns.submit({ publicId, agentId, ...input })

const versionOf = (publicId: string) =>
  Effect.map(TestRuns.getRun(Ids.RunId.make(publicId)), ({ version }) => version)

/** Sets the rollout, and waits until the open runs have their versions. */
const set = (current: string, ramp?: Ramp) =>
  Effect.gen(function* () {
    const rollouts = yield* Rollouts
    const rollout = yield* rollouts.set(agentId, { current, ramp })
    yield* TestBulk.ended({ id: rollout.bulkId })
    return rollout
  })

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a rollout gives the runs of its agent to workers of one version, until it is removed",
    Effect.gen(function* () {
      const [one, two] = [yield* idOf("1"), yield* idOf("2")]
      const rollouts = yield* Rollouts
      yield* submit("before")
      yield* TestRuns.submit({ publicId: "other" })
      const rollout = yield* rollouts.set(agentId, { current: "2" })
      // The operation may not have come to it yet.
      deepStrictEqual(idsOf(yield* TestRuns.claim(one, { limit: 5 })), ["other"])
      yield* TestBulk.ended({ id: rollout.bulkId })
      strictEqual((yield* submit("after")).version, "2")
      deepStrictEqual(yield* TestRuns.claim(one, { limit: 5 }), [])
      deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), ["after", "before"])
      deepStrictEqual(yield* rollouts.get(agentId), rollout)
      yield* submit("last")
      const bulkId = yield* rollouts.remove(agentId)
      yield* TestBulk.ended({ id: bulkId })
      deepStrictEqual(yield* versionOf("last"), undefined)
      deepStrictEqual(idsOf(yield* TestRuns.claim(one, { limit: 5 })), ["last"])
      strictEqual(yield* TestRuns.verdictOf(rollouts.get(agentId)), "RolloutNotFound")
      strictEqual(yield* TestRuns.verdictOf(rollouts.remove(agentId)), "RolloutNotFound")
    }),
  )

  test(
    "a rollout takes the open runs along when its version changes: those that work change at their next claim",
    Effect.gen(function* () {
      const [leases, runs] = [yield* Leases, yield* Runs]
      const one = yield* idOf("1")
      yield* set("1")
      for (const publicId of ["working", "waiting"]) yield* submit(publicId)
      const claimed = new Map(
        (yield* TestRuns.claim(one, { limit: 2 })).map((run) => [run.runId as string, run]),
      )
      yield* leases.suspend(TestRuns.leaseOf(claimed.get("waiting")!), TestRuns.forToolCall())
      for (const publicId of ["pending", "pinned"]) {
        yield* submit(publicId, publicId === "pinned" ? { versionPolicy: "pinned" } : {})
      }
      const two = yield* idOf("2")
      yield* set("2")
      const working = claimed.get("working")!
      yield* leases.renew({
        workerId: one,
        leases: [TestRuns.leaseOf(working)],
        leaseDuration: TestRuns.leaseDuration,
      })
      yield* leases.release(TestRuns.leaseOf(working))
      yield* runs.resume(Ids.RunId.make("waiting"), TestRuns.resultOf("call", "yes"))
      deepStrictEqual(idsOf(yield* TestRuns.claim(one, { limit: 5 })), ["pinned"])
      deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), ["pending", "waiting", "working"])
    }),
  )

  test(
    "a ramp of 10 percent has 10 percent of the runs within two points, and a larger one has those too",
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* set("1", { version: "2", percent: 10 })
      const submissions = Array.makeBy(2000, (index) =>
        TestRuns.submission({ publicId: `ramp-${index}`, agentId }),
      )
      const ramped: Array<string> = []
      for (const some of Array.chunksOf(submissions, 500)) {
        for (const verdict of yield* runs.submitMany(some)) {
          const { runId, version } = Either.getOrThrow(verdict).run
          if (version === "2") ramped.push(runId)
          else strictEqual(version, "1")
        }
      }
      assertTrue(ramped.length >= 160 && ramped.length <= 240, `${ramped.length} of 2,000`)
      yield* set("1", { version: "2", percent: 50 })
      for (const runId of ramped.slice(0, 20)) strictEqual(yield* versionOf(runId), "2")
      const claimed = yield* TestRuns.claim(yield* idOf("2"), { limit: 100 })
      strictEqual(claimed.length, 100)
      yield* set("1", { version: "2", percent: 0 })
      deepStrictEqual(yield* TestRuns.claim(yield* idOf("2"), { limit: 100 }), [])
    }),
  )

  test(
    "a claim that waits gets no run that its rollout has for another version",
    Effect.gen(function* () {
      const [claims, leases] = [yield* Claims, yield* Leases]
      const [one, two] = [yield* idOf("1"), yield* idOf("2")]
      yield* submit("run")
      const working = yield* TestRuns.claimOne(one)
      yield* set("2")
      const { leaseDuration } = TestRuns
      const waitFor = (workerId: Ids.WorkerId) =>
        Effect.fork(claims.claim({ workerId, limit: 2, leaseDuration, wait: "20 seconds" }))
      const other = yield* waitFor(one)
      yield* TestRuns.settle
      yield* leases.release(TestRuns.leaseOf(working))
      yield* submit("new")
      yield* TestRuns.settle
      deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), ["new", "run"])
      yield* TestClock.adjust("30 seconds")
      deepStrictEqual(yield* Fiber.join(other), [])
    }),
  )

  test(
    "a run that is handed to the other version of a rollout goes there, and to no further version",
    Effect.gen(function* () {
      const leases = yield* Leases
      const [one, two] = [yield* idOf("1"), yield* idOf("2")]
      yield* idOf("3")
      yield* set("2", { version: "1", percent: 0 })
      yield* submit("run")
      yield* leases.release(TestRuns.leaseOf(yield* TestRuns.claimOne(two)), { version: "1" })
      deepStrictEqual(yield* TestRuns.claim(two), [])
      yield* leases.release(TestRuns.leaseOf(yield* TestRuns.claimOne(one)), { version: "3" })
      deepStrictEqual(yield* TestRuns.claim(yield* idOf("3")), [])
      strictEqual((yield* TestRuns.claimOne(two)).runId, "run")
    }),
  )

  test(
    "a pinned run begins with the version of the rollout of its agent, and keeps it; the agent may pin all new runs",
    Effect.gen(function* () {
      const [one, two] = [yield* idOf("1"), yield* idOf("2")]
      const rollouts = yield* Rollouts
      yield* submit("before", { versionPolicy: "pinned" })
      yield* set("2")
      yield* submit("pinned", { versionPolicy: "pinned" })
      deepStrictEqual([yield* versionOf("before"), yield* versionOf("pinned")], ["2", "2"])
      const { bulkId, versionPolicy } = yield* rollouts.set(agentId, {
        current: "1",
        versionPolicy: "pinned",
      })
      yield* TestBulk.ended({ id: bulkId })
      strictEqual(versionPolicy, "pinned")
      const policies = [yield* submit("new"), yield* submit("free", { versionPolicy: "latest" })].map(
        (run) => [run.versionPolicy, run.version],
      )
      deepStrictEqual(policies, [
        ["pinned", "1"],
        [undefined, "1"],
      ])
      const child = yield* TestRuns.submit({
        publicId: "child",
        parentRunId: Ids.RunId.make("pinned"),
        agentId,
      })
      deepStrictEqual([child.versionPolicy, child.version], ["pinned", "2"])
      yield* set("2")
      deepStrictEqual(idsOf(yield* TestRuns.claim(one, { limit: 5 })), ["new"])
      deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), ["before", "child", "free", "pinned"])
    }),
  )

  test(
    "a move leaves the runs that a rollout routes, and moves those that are pinned",
    Effect.gen(function* () {
      yield* set("1")
      const runIds = []
      for (const publicId of ["free", "pinned"]) {
        runIds.push((yield* submit(publicId, publicId === "pinned" ? { versionPolicy: "pinned" } : {})).runId)
      }
      const moved = yield* TestBulk.run({ action: "move", move: { from: "1", to: "2" }, runIds })
      deepStrictEqual(TestBulk.countsOf(moved), { matched: 2, done: 1, skipped: 1, failed: 0 })
      deepStrictEqual([yield* versionOf("free"), yield* versionOf("pinned")], ["1", "2"])
    }),
  )

  test(
    "the keys of runs that go to one version take turns, also where a rollout has sent them there",
    Effect.gen(function* () {
      const two = yield* idOf("2")
      const keyed = (fairnessKey: string, count: number, from = 0) =>
        Effect.forEach(Array.range(from + 1, from + count), (index) =>
          submit(`${fairnessKey} ${index}`, { fairnessKey }),
        )
      const claimOne = Effect.map(TestRuns.claimOne(two), ({ runId }) => runId as string)
      yield* keyed("a", 6)
      yield* set("2")
      yield* keyed("b", 2)
      deepStrictEqual(yield* Effect.replicateEffect(claimOne, 4), ["a 1", "b 1", "a 2", "b 2"])
      yield* keyed("a", 2, 6)
      yield* keyed("c", 2)
      deepStrictEqual(yield* Effect.replicateEffect(claimOne, 4), ["a 3", "c 1", "a 4", "c 2"])
    }),
  )

  test(
    "a rollout names two versions, and a percentage",
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const set = (current: string, ramp?: Ramp) =>
        TestRuns.verdictOf(rollouts.set(agentId, { current, ramp }))
      const verdicts = [
        yield* set("1", { version: "1", percent: 10 }),
        yield* set("1", { version: "2", percent: 101 }),
        yield* set("1", { version: "2", percent: 0.5 }),
        yield* set("x".repeat(129)),
      ]
      deepStrictEqual(new Set(verdicts), new Set(["InvalidRollout"]))
      strictEqual(yield* TestRuns.verdictOf(rollouts.get(agentId)), "RolloutNotFound")
    }),
  )
}
