/** What every store must do about fairness: the waiting runs of different keys take turns, by their weights. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofAgent, ofName } from "@runlease/core/Limits"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Duration, Effect, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const idsOf = (runs: ReadonlyArray<ClaimedRun>): ReadonlyArray<string> => runs.map(({ runId }) => runId)

const keyOf = (runId: string): string => runId.split(" ")[0]!

/** Runs `key 1`, `key 2` and so on, submitted together. */
const submit = (
  fairnessKey: string,
  count: number,
  input: Partial<SubmissionInput> = {},
): Effect.Effect<unknown, unknown, Runs> =>
  Effect.flatMap(Runs, (runs) =>
    runs.submitMany(
      Array.from({ length: count }, (_, index) => ({
        agentId: "agent",
        publicId: `${fairnessKey} ${index + 1}`,
        fairnessKey,
        ...input,
      })),
    ),
  )

const withoutKey = (count: number): Effect.Effect<unknown, unknown, Runs> =>
  submit("none", count, { fairnessKey: undefined })

/** Claims, and returns the ids of the runs in the order of their claims. */
const claimInTurn = (worker: Ids.WorkerId, count: number) =>
  Effect.map(Effect.replicateEffect(TestRuns.claim(worker, { limit: 1 }), count), (claimed) =>
    claimed.flatMap(idsOf),
  )

/** Claims and ends one run after another, and returns their ids in the order of their claims. */
const runInTurn = (worker: Ids.WorkerId, count: number) =>
  Effect.replicateEffect(Effect.tap(TestRuns.claimOne(worker), TestRuns.complete), count).pipe(
    Effect.map(idsOf),
  )

/** Declares the tests of fairness. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Fairness (${name})`, () => {
    test(
      "the first run of a key waits for one start of each key that waits",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("heavy", 100)
        yield* claimInTurn(worker, 10)
        for (const key of ["a", "b", "c", "d", "e"]) yield* submit(key, 3)
        const claimed = idsOf(yield* TestRuns.claim(worker, { limit: 6 }))
        deepStrictEqual(claimed, ["heavy 11", "a 1", "b 1", "c 1", "d 1", "e 1"])
      }),
    )

    test(
      "keys start by their weights, and the runs of a key in their order",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("one", 40)
        yield* submit("three", 60, { fairnessWeight: 3 })
        const claimed = idsOf(yield* TestRuns.claim(worker, { limit: 40 }))
        const of = (key: string) => claimed.filter((id) => keyOf(id) === key)
        deepStrictEqual([of("one").length, of("three").length], [10, 30])
        for (const key of ["one", "three"]) {
          deepStrictEqual(
            of(key),
            of(key).map((_, index) => `${key} ${index + 1}`),
          )
        }
      }),
    )

    test(
      "what a key has had before the queue was empty does not count",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("old", 20)
        yield* TestRuns.claim(worker, { limit: 20 })
        yield* submit("new", 3)
        yield* submit("old", 3, { publicId: undefined })
        const claimed = idsOf(yield* TestRuns.claim(worker, { limit: 3 }))
        deepStrictEqual([claimed[0], claimed[2]], ["new 1", "new 2"])
      }),
    )

    test(
      "a higher priority goes first, whatever its key has had",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("a", 2)
        yield* submit("b", 2)
        yield* submit("a", 3, { priority: 1, publicId: undefined })
        const claimed = yield* TestRuns.claim(worker, { limit: 5 })
        deepStrictEqual(idsOf(claimed).slice(3), ["a 1", "b 1"])
      }),
    )

    test(
      "runs without a key share one turn while others wait, and else go in their order",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* withoutKey(2)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 1 })), ["none 1"])
        yield* submit("a", 4)
        yield* submit("none", 4, { fairnessKey: undefined, publicId: undefined })
        const claimed = idsOf(yield* TestRuns.claim(worker, { limit: 7 })).map((id) =>
          id.startsWith("a ") ? "a" : "none",
        )
        deepStrictEqual(claimed, ["none", "a", "none", "a", "none", "a", "none"])
      }),
    )

    test(
      "a run that continues goes before those of its key that no worker has had",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const leases = yield* Leases
        const runs = yield* Runs
        yield* submit("a", 5)
        yield* submit("b", 5)
        const waits = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        const released = yield* TestRuns.claimOne(worker)
        yield* leases.release(TestRuns.leaseOf(released), {})
        yield* runs.resume(waits.runId, TestRuns.resultOf("call", "done"))
        deepStrictEqual(yield* claimInTurn(worker, 4), ["a 1", "b 1", "a 2", "b 2"])
      }),
    )

    test(
      "a delayed run takes its turn once its time has come",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("late", 2, { availableAt: yield* TestRuns.after(Duration.seconds(10)) })
        yield* submit("a", 4)
        yield* claimInTurn(worker, 2)
        yield* TestClock.adjust("11 seconds")
        deepStrictEqual(yield* claimInTurn(worker, 4), ["late 1", "a 3", "late 2", "a 4"])
      }),
    )

    test(
      "a run of a lane takes its turn once it is the first",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("a", 4, { concurrencyKey: "lane" })
        yield* submit("b", 3)
        const first = yield* TestRuns.claimOne(worker)
        strictEqual(first.runId, "a 1")
        // The backlog of its lane has not moved the key on.
        yield* submit("a", 1, { publicId: "a beside" })
        deepStrictEqual(yield* claimInTurn(worker, 3), ["b 1", "b 2", "a beside"])
        yield* TestRuns.complete(first)
        deepStrictEqual(yield* claimInTurn(worker, 2), ["a 2", "b 3"])
      }),
    )

    test(
      "runs behind a limit take turns too",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const limited = { concurrencyKey: "limit", concurrencyLimit: 1 }
        yield* submit("a", 4, limited)
        yield* submit("b", 2, limited)
        deepStrictEqual(yield* runInTurn(worker, 6), ["a 1", "a 2", "b 1", "a 3", "b 2", "a 4"])
      }),
    )

    test(
      "a run that loses its place at a limit keeps its turn",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const limited = (concurrencyLimit: number) => ({ concurrencyKey: "limit", concurrencyLimit })
        yield* submit("a", 4, limited(2))
        yield* submit("b", 1, { ...limited(2), priority: 1 })
        deepStrictEqual(yield* runInTurn(worker, 2), ["b 1", "a 1"])
        yield* submit("c", 1, limited(1))
        deepStrictEqual(yield* runInTurn(worker, 4), ["a 2", "a 3", "a 4", "c 1"])
      }),
    )

    test(
      "runs that go on to their next limit take turns there",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofName("customer"), { maxRunning: 10 })
        yield* define(ofName("gpu"), { maxRunning: 1 })
        yield* submit("a", 4, { limits: { customer: "a", gpu: "all" } })
        yield* submit("b", 2, { limits: { customer: "b", gpu: "all" } })
        deepStrictEqual(yield* runInTurn(worker, 6), ["a 1", "a 2", "b 1", "a 3", "b 2", "a 4"])
      }),
    )

    test(
      "runs that come under the limit of their agent take turns there",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* submit("a", 4)
        yield* submit("b", 2)
        yield* define(ofAgent("agent"), { maxRunning: 1 })
        deepStrictEqual(yield* runInTurn(worker, 6), ["a 1", "b 1", "a 2", "b 2", "a 3", "a 4"])
      }),
    )

    test(
      "a run says its key and its weight, and a retry and a child have them too",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const runs = yield* Runs
        const leases = yield* Leases
        yield* submit("a", 1, { fairnessWeight: 2.5 })
        const claimed = yield* TestRuns.claimOne(worker)
        const fairnessOf = (runId: Ids.RunId) =>
          Effect.map(runs.get(runId), (run) => [run.fairnessKey, run.fairnessWeight])
        deepStrictEqual(yield* fairnessOf(claimed.runId), ["a", 2.5])
        const child = yield* leases.spawn(TestRuns.leaseOf(claimed), {
          stepId: "child",
          name: "child",
          detached: false,
          submission: { agentId: "agent", publicId: "child" },
        })
        deepStrictEqual(yield* fairnessOf(child.runId), ["a", 2.5])
        yield* TestRuns.complete(claimed)
        const again = yield* runs.retry(claimed.runId)
        deepStrictEqual([again.run.fairnessKey, again.run.fairnessWeight], ["a", 2.5])
        const none = yield* TestRuns.submit({})
        assertTrue(!("fairnessKey" in none))
      }),
    )

    test(
      "a weight without a key is refused, and so is a key of a run that its submitter executes",
      Effect.gen(function* () {
        const fieldOf = (input: Partial<SubmissionInput>) =>
          Effect.map(Effect.flip(TestRuns.submit(input)), (error) =>
            "field" in error ? error.field : error._tag,
          )
        strictEqual(yield* fieldOf({ fairnessWeight: 2 }), "fairnessWeight")
        strictEqual(yield* fieldOf({ fairnessKey: "a", initialStatus: "running" }), "fairnessKey")
        strictEqual(yield* fieldOf({ fairnessKey: "a", fairnessWeight: 0.05 }), "fairnessWeight")
        strictEqual(yield* fieldOf({ fairnessKey: "x".repeat(129) }), "fairnessKey")
      }),
    )
  })
}
