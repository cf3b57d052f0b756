/** What every store must do about the versions of workers: a pinned run stays with the version of its first claim. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Claims } from "@runlease/core/Claims"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { EventId } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Duration, Effect, FastCheck, Fiber, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const register = (version: string | undefined, workerKey = "worker") =>
  Effect.flatMap(WorkerRegistry, (registry) =>
    registry.register({ implementationKind: "test", workerKey, version }),
  )

const idOf = (version: string | undefined, workerKey?: string) =>
  Effect.map(register(version, workerKey), ({ id }) => id)

/** Claims the next run, and hands it back. */
const claimAndRelease = (worker: Ids.WorkerId) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const claimed = yield* TestRuns.claimOne(worker)
    yield* leases.release(TestRuns.leaseOf(claimed))
    return claimed
  })

const idsOf = (runs: ReadonlyArray<{ readonly runId: string }>): ReadonlyArray<string> =>
  runs.map(({ runId }) => runId)

/** The version that each of these runs has. */
const versionsOf = (runIds: ReadonlyArray<Ids.RunId>) =>
  Effect.forEach(runIds, (runId) => Effect.map(TestRuns.getRun(runId), ({ version }) => version))

const versions = [undefined, "1", "2"] as const

/** Claims of workers of some versions, each with what becomes of the run. */
const plans = FastCheck.array(
  FastCheck.tuple(
    FastCheck.constantFrom(...versions),
    FastCheck.constantFrom("release", "lapse", "suspend", "fail"),
  ),
  { minLength: 10, maxLength: 20 },
)

/** Plays the claims over some pinned runs, and compares the versions of the claims of each. */
const playPlan = (plan: ReturnType<typeof plans.generate>["value"]) =>
  Effect.gen(function* () {
    const [leases, runs] = [yield* Leases, yield* Runs]
    const workers = new Map(
      yield* Effect.forEach(versions, (version) => Effect.map(idOf(version), (id) => [version, id] as const)),
    )
    yield* Effect.replicateEffect(TestRuns.submit({ versionPolicy: "pinned", maxAttempts: 100 }), 3)
    const claims = new Map<string, Set<string | undefined>>()
    for (const [version, then] of plan) {
      const [claimed] = yield* TestRuns.claim(workers.get(version)!)
      if (claimed === undefined) continue
      const found = claims.get(claimed.runId) ?? new Set()
      claims.set(claimed.runId, found.add(version))
      strictEqual((yield* TestRuns.getRun(claimed.runId)).version, version ?? "")
      const lease = TestRuns.leaseOf(claimed)
      if (then === "release") yield* leases.release(lease)
      else if (then === "fail") yield* leases.release(lease, { countAttempt: true })
      else if (then === "lapse") {
        yield* TestClock.adjust(Duration.sum(TestRuns.leaseDuration, "1 second"))
      } else {
        yield* leases.suspend(lease, TestRuns.forToolCall())
        yield* runs.resume(claimed.runId, TestRuns.resultOf("call", "yes"))
      }
    }
    assertTrue(claims.size > 0)
    for (const [runId, found] of claims) {
      strictEqual(found.size, 1)
      yield* runs.cancel(Ids.RunId.make(runId))
    }
  })

/** Declares the tests of versions. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Versions (${name})`, () => {
    test(
      "workers of one key and two versions are two, and the list says the versions",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const [one, two, none] = [yield* register("1"), yield* register("2"), yield* register(undefined)]
        deepStrictEqual([one.version, two.version, none.version], ["1", "2", null])
        strictEqual(new Set([one.id, two.id, none.id]).size, 3)
        strictEqual((yield* register("1")).id, one.id)
        strictEqual((yield* register(undefined)).id, none.id)
        const { items } = yield* registry.list()
        deepStrictEqual(new Set(items.map(({ id, version }) => `${id} ${version}`)).size, 3)
      }),
    )

    test(
      "a pinned run stays with the version of its first claim, and another is claimed by any",
      Effect.gen(function* () {
        const [one, two] = [yield* idOf("1"), yield* idOf("2")]
        const pinned = yield* TestRuns.submit({ publicId: "pinned", versionPolicy: "pinned" })
        deepStrictEqual([pinned.versionPolicy, pinned.version], ["pinned", undefined])
        strictEqual((yield* claimAndRelease(one)).runId, "pinned")
        const now = yield* TestRuns.getRun(pinned.runId)
        deepStrictEqual([now.versionPolicy, now.version], ["pinned", "1"])
        deepStrictEqual(yield* TestRuns.claim(two), [])
        const free = yield* TestRuns.submit({ publicId: "free" })
        strictEqual((yield* claimAndRelease(one)).runId, "pinned")
        strictEqual((yield* claimAndRelease(two)).runId, "free")
        deepStrictEqual(yield* versionsOf([pinned.runId, free.runId]), ["1", undefined])
        // Another worker of the version claims it, of whichever key.
        strictEqual((yield* TestRuns.claimOne(yield* idOf("1", "other"))).runId, "pinned")
      }),
    )

    test(
      "a pinned run of a worker without a version stays with workers without one",
      Effect.gen(function* () {
        const [one, none] = [yield* idOf("1"), yield* idOf(undefined)]
        const { runId } = yield* TestRuns.submit({ versionPolicy: "pinned" })
        yield* claimAndRelease(none)
        deepStrictEqual(yield* versionsOf([runId]), [""])
        deepStrictEqual(yield* TestRuns.claim(one), [])
        strictEqual((yield* TestRuns.claimOne(none)).runId, runId)
      }),
    )

    test(
      "a run that has lapsed or waited stays with its version",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const [one, two] = [yield* idOf("1"), yield* idOf("2")]
        const { runId } = yield* TestRuns.submit({ versionPolicy: "pinned" })
        yield* TestRuns.claimOne(one)
        yield* TestClock.adjust(Duration.sum(TestRuns.leaseDuration, "1 second"))
        deepStrictEqual(yield* TestRuns.claim(two), [])
        const again = yield* TestRuns.claimOne(one)
        yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall())
        yield* runs.resume(runId, TestRuns.resultOf("call", "yes"))
        deepStrictEqual(yield* TestRuns.claim(two), [])
        const last = yield* TestRuns.claimOne(one)
        yield* TestRuns.complete(last)
        const ended = yield* TestRuns.getRun(runId)
        deepStrictEqual([ended.status, ended.version], ["completed", "1"])
      }),
    )

    test(
      "a claim that waits gets a pinned run of its version alone",
      Effect.gen(function* () {
        const claims = yield* Claims
        const leases = yield* Leases
        const [one, two] = [yield* idOf("1"), yield* idOf("2")]
        yield* TestRuns.submit({ publicId: "pinned", versionPolicy: "pinned" })
        const claimed = yield* TestRuns.claimOne(one)
        const { leaseDuration } = TestRuns
        const waitFor = (workerId: Ids.WorkerId) =>
          Effect.fork(claims.claim({ workerId, limit: 1, leaseDuration, wait: "20 seconds" }))
        const other = yield* waitFor(two)
        const own = yield* waitFor(one)
        yield* TestRuns.turn
        yield* leases.release(TestRuns.leaseOf(claimed))
        yield* TestClock.adjust("30 seconds")
        deepStrictEqual(idsOf(yield* Fiber.join(own)), ["pinned"])
        deepStrictEqual(yield* Fiber.join(other), [])
      }),
    )

    test(
      "children and retries have the version of their parent, unless they choose",
      Effect.gen(function* () {
        const [one, two] = [yield* idOf("1"), yield* idOf("2")]
        const parent = yield* TestRuns.submit({ versionPolicy: "pinned" })
        const claimed = yield* TestRuns.claimOne(one)
        const child = yield* TestRuns.submit({ parentRunId: parent.runId })
        const chosen = yield* TestRuns.submit({ parentRunId: parent.runId, versionPolicy: "latest" })
        deepStrictEqual([child.versionPolicy, child.version], ["pinned", "1"])
        deepStrictEqual([chosen.versionPolicy, chosen.version], [undefined, undefined])
        deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), [chosen.runId])
        const [later] = yield* TestRuns.claim(one, { limit: 5 })
        strictEqual(later?.runId, child.runId)
        yield* TestRuns.complete(claimed)
        const runs = yield* Runs
        const { run: retry } = yield* runs.retry(parent.runId)
        deepStrictEqual([retry.versionPolicy, retry.version], ["pinned", "1"])
        deepStrictEqual(yield* TestRuns.claim(two), [])
        assertTrue((yield* TestRuns.claimOne(one)).runId === retry.runId)
      }),
    )

    test(
      "a fork by an agent of a version is pinned to that, whatever its run is pinned to",
      Effect.gen(function* () {
        const runs = yield* Runs
        const [one, two] = [yield* idOf("1"), yield* idOf("2")]
        const agentId = Ids.AgentId.make("writer")
        for (const versionPolicy of ["pinned", "latest"] as const) {
          yield* TestRuns.submit({ versionPolicy })
          const claimed = yield* TestRuns.claimOne(one)
          yield* TestRuns.complete(claimed)
          const after = EventId.make(1)
          const { run: forked } = yield* runs.fork(claimed.runId, {
            after,
            edits: [{ type: "agent", agentId, version: "2" }],
          })
          deepStrictEqual([forked.versionPolicy, forked.version], ["pinned", "2"])
          deepStrictEqual(yield* TestRuns.claim(one), [])
          const again = yield* TestRuns.claimOne(two)
          strictEqual(again.runId, forked.runId)
          yield* TestRuns.complete(again)
        }
      }),
    )

    test(
      "children that begin with a version take turns by their fairness keys",
      Effect.gen(function* () {
        const one = yield* idOf("1")
        const parent = yield* TestRuns.submit({ versionPolicy: "pinned" })
        yield* TestRuns.claimOne(one)
        const ids: Array<string> = []
        for (const fairnessKey of ["a", "a", "a", "b"]) {
          ids.push((yield* TestRuns.submit({ parentRunId: parent.runId, fairnessKey })).runId)
        }
        const claimed = yield* Effect.replicateEffect(TestRuns.claimOne(one), 4)
        deepStrictEqual(
          claimed.map(({ runId }) => ids.indexOf(runId)),
          [0, 3, 1, 2],
        )
      }),
    )

    test(
      "a run that a worker cannot read goes to another version, and its first attempt does not count",
      Effect.gen(function* () {
        const leases = yield* Leases
        const [one, two] = [yield* idOf("1"), yield* idOf("2")]
        const { runId } = yield* TestRuns.submit({ maxAttempts: 2 })
        const toVersion = (worker: Ids.WorkerId, version: string) =>
          Effect.flatMap(TestRuns.claimOne(worker), (claimed) =>
            leases.release(TestRuns.leaseOf(claimed), { countAttempt: true, version }),
          )
        yield* toVersion(two, "1")
        const first = yield* TestRuns.getRun(runId)
        deepStrictEqual([first.attempt, first.version, first.versionPolicy], [0, "1", undefined])
        deepStrictEqual(yield* TestRuns.claim(two), [])
        yield* toVersion(one, "2")
        const second = yield* TestRuns.getRun(runId)
        deepStrictEqual([second.attempt, second.version], [1, "2"])
        yield* toVersion(two, "1")
        strictEqual((yield* TestRuns.getRun(runId)).error?.code, "attempts_exhausted")
      }),
    )

    test(
      "the claims of a pinned run all have one version, whatever happens between them",
      Effect.gen(function* () {
        for (const plan of FastCheck.sample(plans, { numRuns: 4, seed: 156 })) yield* playPlan(plan)
      }),
    )

    test(
      "a run that its submitter executes is not pinned",
      Effect.gen(function* () {
        const runs = yield* Runs
        const submission = TestRuns.submission({ versionPolicy: "pinned", initialStatus: "running" })
        strictEqual(yield* TestRuns.verdictOf(runs.submit(submission)), "InvalidSubmission")
      }),
    )
  })
}
