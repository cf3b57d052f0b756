/** What every store must do about limits with names. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Limits, ofName } from "@runlease/core/Limits"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Either, type Layer, TestClock } from "effect"
import { onlyRunning } from "./LimitCounting.js"
import * as TestRuns from "./TestRuns.js"

const submit = (publicId: string, limits: Record<string, string>, input: Partial<SubmissionInput> = {}) =>
  TestRuns.submit({ publicId, limits, ...input })

const idsOf = (runs: ReadonlyArray<ClaimedRun>) => runs.map(({ runId }) => runId)

const atKey = (name: string, key: string) => ({ kind: "named" as const, name, key })

const limits = Effect.flatMap(Limits, ({ list }) => Effect.map(list(), ({ items }) => items))

/** Declares the tests of limits with names. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Limits with names (${name})`, () => {
    test(
      "a limit bounds the runs of each key that work at once, and a run says its limits",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, get } = yield* Limits
        yield* define(ofName("gpu"), { maxRunning: 1 })
        deepStrictEqual(yield* get("gpu"), {
          of: { kind: "named", name: "gpu" },
          bounds: { maxRunning: 1, rate: null, maxPending: null },
          use: null,
        })
        const run = yield* submit("eu 1", { gpu: "eu" })
        deepStrictEqual(run.limits, { gpu: "eu" })
        yield* submit("eu 2", { gpu: "eu" })
        yield* submit("us 1", { gpu: "us" })
        const [first, ...others] = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf([first!, ...others]), ["eu 1", "us 1"])
        yield* TestRuns.complete(first!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["eu 2"])
        const again = yield* Effect.flatMap(Runs, (runs) => runs.retry(run.runId))
        deepStrictEqual(again.run.limits, { gpu: "eu" })
        const usage = { maxRunning: 1, paused: false, running: 1, open: 0 }
        deepStrictEqual(yield* limits, [
          { ...atKey("gpu", "us"), ...onlyRunning(0), ...usage, waiting: 0 },
          { ...atKey("gpu", "eu"), ...onlyRunning(1), ...usage, waiting: 1 },
        ])
      }),
    )

    test(
      "a run with two of them needs a place at both, and keeps the first while it waits for the second",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofName("customer"), { maxRunning: 1 })
        yield* define(ofName("gpu"), { maxRunning: 1 })
        yield* submit("1", { gpu: "all" })
        yield* submit("2", { customer: "a", gpu: "all" })
        yield* submit("3", { customer: "a" })
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["1"])
        yield* TestRuns.complete(claimed[0]!)
        const [second] = yield* TestRuns.claim(worker, { limit: 10 })
        strictEqual(second?.runId, "2")
        yield* TestRuns.complete(second!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["3"])
      }),
    )

    test(
      "a new bound holds for the keys that have runs, 0 starts none, and a key is paused alone",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, pause, resume } = yield* Limits
        yield* define(ofName("gpu"), { maxRunning: 2 })
        for (const id of ["1", "2", "3"]) yield* submit(id, { gpu: "eu" })
        yield* define(ofName("gpu"), { maxRunning: 0 })
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* define(ofName("gpu"), { maxRunning: 1 })
        yield* pause(atKey("gpu", "eu"))
        yield* submit("us", { gpu: "us" })
        yield* TestClock.adjust("2 seconds")
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["us"])
        yield* resume(atKey("gpu", "eu"))
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["1"])
      }),
    )

    test(
      "a limit that is removed is in the way of no run, and no submission may name it",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, get, remove } = yield* Limits
        const runs = yield* Runs
        yield* define(ofName("gpu"), { maxRunning: 1 })
        for (const id of ["1", "2", "3"]) yield* submit(id, { gpu: "eu" })
        yield* remove(ofName("gpu"))
        strictEqual((yield* Effect.flip(get("gpu")))._tag, "LimitNotFound")
        strictEqual((yield* Effect.flip(remove(ofName("gpu"))))._tag, "LimitNotFound")
        const refused = yield* Effect.flip(runs.submit({ agentId: "agent", limits: { gpu: "eu" } }))
        deepStrictEqual(
          [refused._tag, "field" in refused && refused.field],
          ["InvalidSubmission", "limits.gpu"],
        )
        yield* TestClock.adjust("2 seconds")
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["1", "2", "3"])
      }),
    )

    test(
      "names, keys and their number are checked",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { define } = yield* Limits
        for (const limit of ["a", "b", "c"]) yield* define(ofName(limit), { maxRunning: 1 })
        const refused = (input: Partial<SubmissionInput>) =>
          Effect.map(Effect.either(runs.submit({ agentId: "agent", ...input })), (verdict) =>
            Either.isLeft(verdict) && verdict.left._tag === "InvalidSubmission" ? verdict.left.field : null,
          )
        deepStrictEqual(
          yield* Effect.all([
            refused({ limits: { a: "k".repeat(128) } }),
            refused({ limits: { a: "k".repeat(129) } }),
            refused({ limits: { a: "" } }),
            refused({ limits: { a: "1", b: "1", c: "1" } }),
            refused({ limits: { a: "1", b: "1" }, concurrencyKey: "key", concurrencyLimit: 1 }),
            refused({ limits: { a: "1" }, initialStatus: "running" }),
          ]),
          [null, "limits.a", "limits.a", "limits", "limits", "limits"],
        )
      }),
    )
  })
}
