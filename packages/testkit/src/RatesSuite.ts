/** What every store must do about rates of limits: how many runs of a key start in a time. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofName } from "@runlease/core/Limits"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { type Duration, Effect, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const submit = (publicId: string, key = "eu", input: Partial<SubmissionInput> = {}) =>
  TestRuns.submit({ publicId, limits: { api: key }, ...input })

const idsOf = (runs: ReadonlyArray<ClaimedRun>) => runs.map(({ runId }) => runId)

/** The next run. The clock continues until a claim has it: the store may have chosen when to look before the clock went on. */
const nextOf = (worker: Ids.WorkerId, wait: Duration.DurationInput = "30 seconds") =>
  Effect.flatMap(TestRuns.start(TestRuns.claimOne(worker, { wait })), TestRuns.joinAdvancing)

const ofKey = (key: string) => ({ kind: "named" as const, name: "api", key })

/** Declares the tests of rates. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Rates (${name})`, () => {
    test(
      "a burst of each key starts at once, and then one run whenever there is a token",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, list, get } = yield* Limits
        const rate = { count: 2, periodSeconds: 60, burst: 3 }
        yield* define(ofName("api"), { rate })
        deepStrictEqual(yield* get("api"), {
          of: { kind: "named", name: "api" },
          bounds: { maxRunning: null, rate, maxPending: null },
          use: null,
        })
        for (const id of ["1", "2", "3", "4", "5", "6"]) yield* submit(id)
        yield* submit("us", "us")
        const first = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(first), ["1", "2", "3", "us"])
        const [, eu] = (yield* list()).items
        deepStrictEqual(eu && [eu.rate, eu.running, eu.open, eu.waiting, eu.pending], [rate, 3, 0, 3, 3])
        for (const run of first) yield* TestRuns.complete(run)
        yield* TestClock.adjust("28 seconds")
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestClock.adjust("3 seconds")
        const fourth = yield* nextOf(worker)
        strictEqual(fourth.runId, "4")
        yield* TestRuns.complete(fourth)
        yield* TestClock.adjust("20 seconds")
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        // A claim that waits gets the next run when its token is there.
        const fifth = yield* nextOf(worker, "12 seconds")
        strictEqual(fifth.runId, "5")
      }),
    )

    test(
      "a rate of many a second is reached, since the store looks when the next token is there",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofName("api"), { rate: { count: 10, periodSeconds: 1 } })
        for (const id of ["1", "2", "3", "4", "5", "6"]) yield* submit(id)
        const started: Array<string> = []
        // In steps, a poll each second would let 3 of them start.
        for (let step = 0; step < 30 && started.length < 6; step += 1) {
          started.push(...idsOf(yield* TestRuns.claim(worker, { limit: 10 })))
          yield* TestClock.adjust("100 millis")
        }
        deepStrictEqual(started, ["1", "2", "3", "4", "5", "6"])
      }),
    )

    test(
      "only the first start of a run takes a token: a release, a wait and a lapse are free",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const leases = yield* Leases
        const runs = yield* Runs
        const { define } = yield* Limits
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 3600 } })
        yield* submit("first in the queue", "eu", { priority: 1 })
        const first = yield* TestRuns.claimOne(worker)
        for (const id of ["waits", "another"]) yield* submit(id, "eu", { priority: 2 })
        yield* leases.release(TestRuns.leaseOf(first), {})
        const again = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall())
        yield* runs.resume(first.runId, TestRuns.resultOf("call", "done"))
        const resumed = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          idsOf([first, again, resumed]),
          Array.from({ length: 3 }, () => first.runId),
        )
        yield* TestClock.adjust("31 seconds")
        strictEqual((yield* nextOf(worker)).runId, first.runId)
        deepStrictEqual(yield* TestRuns.claim(worker), [])
      }),
    )

    test(
      "a place without a claim takes no token, and one that went to another lets no more runs start",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 60 } })
        yield* submit("no worker", "eu", { implementationKind: "nowhere" })
        yield* submit("live 1")
        yield* submit("live 2")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* TestClock.adjust("7 seconds")
        const live = yield* nextOf(worker)
        strictEqual(live.runId, "live 1")
        yield* TestRuns.complete(live)
        const late = yield* TestRuns.register("late", "nowhere")
        deepStrictEqual(yield* TestRuns.claim(late), [])
        yield* TestClock.adjust("62 seconds")
        strictEqual((yield* nextOf(late)).runId, "no worker")
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestClock.adjust("62 seconds")
        strictEqual((yield* nextOf(worker)).runId, "live 2")
      }),
    )

    test(
      "a key may have places and no tokens, or tokens and no places",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofName("api"), { maxRunning: 2, rate: { count: 1, periodSeconds: 10, burst: 3 } })
        for (const id of ["1", "2", "3", "4"]) yield* submit(id)
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["1", "2"])
        yield* TestRuns.complete(claimed[0]!)
        const third = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(third), ["3"])
        for (const run of [claimed[1]!, ...third]) yield* TestRuns.complete(run)
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* TestClock.adjust("11 seconds")
        strictEqual((yield* nextOf(worker)).runId, "4")
      }),
    )

    test(
      "a changed rate holds for the keys that have runs, and a paused key stays paused",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, list, pause, remove, resume } = yield* Limits
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 3600, burst: 2 } })
        for (const id of ["1", "2", "3", "4", "5"]) yield* submit(id)
        yield* TestRuns.claimOne(worker)
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 3600 } })
        // The run that has a place and no token any more gives it back, so no younger one goes before it.
        const places = Effect.map(list(), ({ items }) => items.map(({ open, waiting }) => [open, waiting]))
        yield* TestRuns.eventually(places, ([all]) => all?.[0] === 0 && all[1] === 4)
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* pause(ofKey("eu"))
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 10 } })
        yield* TestClock.adjust("12 seconds")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* resume(ofKey("eu"))
        strictEqual((yield* nextOf(worker)).runId, "2")
        yield* remove(ofName("api"))
        yield* TestClock.adjust("2 seconds")
        strictEqual((yield* nextOf(worker)).runId, "3")
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["4", "5"])
      }),
    )

    test(
      "a limit says when its rate lets the next run start",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, list } = yield* Limits
        yield* define(ofName("api"), { rate: { count: 1, periodSeconds: 60 } })
        const next = Effect.map(list(), ({ items }) => items[0]?.nextStartAt ?? null)
        const run = yield* submit("1")
        strictEqual(yield* next, null)
        yield* TestRuns.claimOne(worker)
        const left = ((yield* next)?.epochMillis ?? 0) - run.createdAt.epochMillis
        strictEqual(left >= 60_000 && left < 120_000, true)
      }),
    )

    test(
      "bounds that no limit can have are refused, and name the field",
      Effect.gen(function* () {
        const { define } = yield* Limits
        const fieldOf = (input: Parameters<typeof define>[1]) =>
          Effect.map(Effect.flip(define(ofName("api"), input)), (error) =>
            error._tag === "InvalidLimit" ? error.field : error._tag,
          )
        const rate = { count: 1, periodSeconds: 60 }
        deepStrictEqual(
          yield* Effect.all([
            fieldOf({}),
            fieldOf({ maxRunning: -1 }),
            fieldOf({ maxPending: -1 }),
            fieldOf({ rate: { ...rate, count: 0 } }),
            fieldOf({ rate: { ...rate, count: 100_001 } }),
            fieldOf({ rate: { ...rate, periodSeconds: 0 } }),
            fieldOf({ rate: { ...rate, periodSeconds: 31_536_001 } }),
            fieldOf({ rate: { ...rate, burst: 0 } }),
            fieldOf({ rate: { ...rate, burst: 100_001 } }),
            fieldOf({ rate: { count: 1, periodSeconds: 31_536_000, burst: 2 } }),
          ]),
          [
            "maxRunning",
            "maxRunning",
            "maxPending",
            "rate.count",
            "rate.count",
            "rate.periodSeconds",
            "rate.periodSeconds",
            "rate.burst",
            "rate.burst",
            "rate.burst",
          ],
        )
      }),
    )
  })
}
