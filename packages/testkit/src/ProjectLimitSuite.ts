/** What every store must do about the limit of a project, besides those of agents. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofAgent, ofProject } from "@runlease/core/Limits"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect, Fiber, type Layer } from "effect"
import { onlyRunning } from "./LimitCounting.js"
import * as TestRuns from "./TestRuns.js"

const idsOf = (runs: ReadonlyArray<ClaimedRun>) => runs.map(({ runId }) => runId)

const submitAll = (...publicIds: ReadonlyArray<string>) =>
  Effect.forEach(publicIds, (publicId) => TestRuns.submit({ publicId, agentId: publicId.slice(0, 1) }))

/** The limit of the project as lists have it. */
const limit = Effect.flatMap(Limits, ({ list }) =>
  Effect.map(list(), ({ items }) => items.find(({ kind }) => kind === "project")),
)

/** A claim that waits, with a fiber to join. */
const waitFor = (worker: Ids.WorkerId) =>
  TestRuns.start(TestRuns.claim(worker, { limit: 10, wait: "1 hour" }))

/** Declares the tests of the limit of a project. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`The limit of a project (${name})`, () => {
    test(
      "its limit bounds the runs that work at once, whatever their agents are, and those that work already count",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* submitAll("a1", "b1", "a2", "b2", "a3")
        const [first] = yield* TestRuns.claim(worker)
        const usage = { maxRunning: 3, paused: false, running: 1, open: 0, waiting: 0 }
        const { use } = yield* define(ofProject, { maxRunning: 3 })
        const { key, ...set } = use!
        deepStrictEqual(set, { kind: "project", name: null, ...usage, ...onlyRunning(0) })
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["b1", "a2"])
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        deepStrictEqual(yield* limit, { ...set, key, running: 3 })
        yield* TestRuns.complete(first!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["b2"])
      }),
    )

    test(
      "a lower limit ends no run, and without a limit any number works",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofProject, { maxRunning: 2 })
        yield* submitAll("a1", "a2", "a3", "a4", "a5")
        const working = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(working), ["a1", "a2"])
        yield* define(ofProject, { maxRunning: 1 })
        yield* TestRuns.complete(working[0]!)
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestRuns.complete(working[1]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["a3"])
        yield* define(ofProject, { maxRunning: null })
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["a4", "a5"])
        yield* define(ofProject, { maxRunning: 4 })
        strictEqual((yield* limit)?.running, 3)
      }),
    )

    test(
      "a wait and a release give the place away, and a run that continues needs one",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        const leases = yield* Leases
        const runs = yield* Runs
        yield* define(ofProject, { maxRunning: 1 })
        yield* submitAll("a1", "a2", "a3")
        const first = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(first), TestRuns.forToolCall())
        const second = yield* TestRuns.claimOne(worker)
        strictEqual(second.runId, "a2")
        yield* runs.resume(first.runId, TestRuns.resultOf("call", "done"))
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* leases.release(TestRuns.leaseOf(second), {})
        const again = yield* TestRuns.claimOne(worker)
        strictEqual(again.runId, "a1")
        yield* runs.cancel(again.runId)
        strictEqual((yield* limit)?.running, 0)
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "a2")
        yield* TestRuns.lapse
        yield* TestRuns.eventually(limit, (found) => found?.running === 0)
        yield* leases.suspend(TestRuns.leaseOf(yield* TestRuns.claimOne(worker)), TestRuns.forToolCall())
        yield* define(ofProject, { maxRunning: null })
        strictEqual(yield* limit, undefined)
      }),
    )

    test(
      "an end lets a claim that waits take the next run at once, in its turn",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofProject, { maxRunning: 1 })
        yield* submitAll("a1", "b1")
        const first = yield* TestRuns.claimOne(worker)
        const waiting = yield* waitFor(worker)
        yield* Effect.all([TestRuns.complete(first), submitAll("a2")], { concurrency: "unbounded" })
        deepStrictEqual(idsOf(yield* Fiber.join(waiting)), ["b1"])
      }),
    )

    test(
      "a claim that waits without runs gets those that come, as many as the limit has room for",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const runs = yield* Runs
        const { define } = yield* Limits
        yield* define(ofProject, { maxRunning: 2 })
        const waiting = yield* waitFor(worker)
        yield* runs.submitMany(["a1", "a2", "a3"].map((publicId) => ({ publicId, agentId: "a" })))
        const claimed = yield* Fiber.join(waiting)
        deepStrictEqual(idsOf(claimed), ["a1", "a2"])
        strictEqual((yield* limit)?.running, 2)
        const next = yield* waitFor(worker)
        yield* define(ofProject, { maxRunning: 3 })
        deepStrictEqual(idsOf(yield* Fiber.join(next)), ["a3"])
      }),
    )

    test(
      "the next run of a lane that a claim gets as the one before it is cancelled counts",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const runs = yield* Runs
        const { define } = yield* Limits
        yield* define(ofProject, { maxRunning: 1 })
        const lane = { concurrencyKey: "lane" }
        const first = yield* TestRuns.submit({ ...lane, availableAt: yield* TestRuns.after("1 hour") })
        yield* TestRuns.submit({ ...lane, publicId: "second" })
        const waiting = yield* waitFor(worker)
        yield* runs.cancel(first.runId)
        const [second] = yield* Fiber.join(waiting)
        deepStrictEqual([second?.runId, (yield* limit)?.running], ["second", 1])
        yield* TestRuns.complete(second!)
        strictEqual((yield* limit)?.running, 0)
      }),
    )

    test(
      "a paused project starts no run, and a claim that waits continues when it is resumed",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { pause, resume } = yield* Limits
        yield* submitAll("a1", "a2")
        const working = yield* TestRuns.claimOne(worker)
        const paused = yield* pause(ofProject)
        deepStrictEqual([paused.kind, paused.paused, paused.running], ["project", true, 1])
        yield* TestRuns.complete(working)
        const waiting = yield* waitFor(worker)
        yield* submitAll("a3")
        deepStrictEqual(yield* Fiber.poll(waiting), yield* Effect.succeedNone)
        yield* resume(ofProject)
        deepStrictEqual(idsOf(yield* Fiber.join(waiting)), ["a2", "a3"])
      }),
    )

    test(
      "runs need a place at their agent and at the project",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofProject, { maxRunning: 2 })
        yield* define(ofAgent("a"), { maxRunning: 1 })
        yield* submitAll("a1", "a2", "b1", "b2")
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["a1", "b1"])
        yield* TestRuns.complete(claimed[1]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["b2"])
        yield* TestRuns.complete(claimed[0]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["a2"])
      }),
    )
  })
}
