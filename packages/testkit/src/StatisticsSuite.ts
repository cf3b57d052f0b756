/** What the statistics of a store must count. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import * as Histogram from "@runlease/core/Histogram"
import { Leases } from "@runlease/core/Leases"
import type { RunStatus } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import * as TokenUsage from "@runlease/core/TokenUsage"
import { type Periods, Statistics } from "@runlease/core/Statistics"
import { Array, DateTime, Effect, type Layer, Struct, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const none: Readonly<Record<RunStatus, number>> = {
  pending: 0,
  running: 0,
  waiting: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
}

const counts = Effect.flatMap(Statistics, (statistics) => statistics.counts())

/** The counts with ids that are plain text. */
const plainCounts = Effect.map(counts, (all) =>
  all.map(({ agentId, runs }): readonly [agent: string, runs: typeof none] => [agentId, runs]),
)

const lastMinutes = (last: number, request: Partial<Periods> = {}) =>
  Effect.flatMap(Statistics, (statistics) => statistics.periods({ step: "minute", last, ...request }))

/** About this many milliseconds, as a histogram estimates them. */
const isAbout = (estimate: number | null, millis: number) =>
  assertTrue(estimate !== null && Math.abs(estimate - millis) <= millis / 10)

/** Fails the run, as its holder. */
const fail = (claimed: Parameters<typeof TestRuns.leaseOf>[0], code: string | null) =>
  Effect.flatMap(Runs, (runs) =>
    runs.complete(
      claimed.runId,
      { status: "failed", error: { code, message: "failed" } },
      TestRuns.leaseOf(claimed),
    ),
  )

/** Declares the tests of `Statistics`. */
export const suite = (name: string, layer: Layer.Layer<StorePorts | ControlPlane, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Statistics (${name})`, () => {
    test(
      "a project without runs has no counts, and its periods are empty",
      Effect.gen(function* () {
        deepStrictEqual(yield* counts, [])
        const [only, ...others] = yield* lastMinutes(1)
        deepStrictEqual(others, [])
        deepStrictEqual(only, {
          start: DateTime.unsafeMake(0),
          pending: 0,
          running: 0,
          submitted: 0,
          claimed: 0,
          ended: { completed: 0, failed: 0, cancelled: 0 },
          failures: [],
          pickUp: [],
          runTime: [],
          tokens: 0,
          cost: 0,
        })
      }),
    )

    test(
      "counts the runs of each agent by status",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        yield* TestRuns.complete(yield* TestRuns.hold(worker, { agentId: "b" }))
        yield* fail(yield* TestRuns.hold(worker, { agentId: "b" }), "code")
        const waiting = yield* TestRuns.hold(worker, { agentId: "b" })
        yield* leases.suspend(TestRuns.leaseOf(waiting), TestRuns.forToolCall())
        yield* TestRuns.hold(worker, { agentId: "a" })
        yield* runs.submit({ agentId: "a", initialStatus: "running" })
        yield* TestRuns.submit({ agentId: "a" })
        const { runId } = yield* TestRuns.submit({ agentId: "a" })
        yield* runs.cancel(runId)
        deepStrictEqual(yield* plainCounts, [
          ["a", { ...none, pending: 1, running: 2, cancelled: 1 }],
          ["b", { ...none, waiting: 1, completed: 1, failed: 1 }],
        ])
      }),
    )

    test(
      "counts what happened in the minute and the hour in which it happened",
      Effect.gen(function* () {
        const statistics = yield* Statistics
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit()
        const first = yield* TestRuns.claimOne(worker, { leaseDuration: "5 minutes" })
        yield* TestRuns.submit({ maxAttempts: 2 })
        yield* TestClock.adjust("1 minutes")
        yield* TestRuns.complete(first)
        const second = yield* TestRuns.claimOne(worker)
        yield* fail(second, "one")
        for (const code of ["two", "two", null]) yield* fail(yield* TestRuns.hold(worker), code)
        yield* TestClock.adjust("1 minutes")
        const summary = (yield* lastMinutes(4)).map(
          Struct.pick("start", "pending", "running", "submitted", "claimed", "ended", "failures"),
        )
        const minute = (at: number) => DateTime.unsafeMake(at * 60_000)
        const ended = { completed: 0, failed: 0, cancelled: 0 }
        const empty = { pending: 0, running: 0, submitted: 0, claimed: 0, ended, failures: [] }
        deepStrictEqual(summary, [
          { ...empty, start: minute(-1) },
          { ...empty, start: minute(0), pending: 1, running: 1, submitted: 2, claimed: 1 },
          {
            ...empty,
            start: minute(1),
            submitted: 3,
            claimed: 4,
            ended: { ...ended, completed: 1, failed: 4 },
            failures: [
              { code: "two", count: 2 },
              { code: "one", count: 1 },
              { code: null, count: 1 },
            ],
          },
          { ...empty, start: minute(2) },
        ])
        const hours = yield* statistics.periods({ step: "hour", last: 2 })
        deepStrictEqual(
          hours.map(({ claimed, ended, submitted }) => [submitted, claimed, ended.failed]),
          [
            [0, 0, 0],
            [5, 5, 4],
          ],
        )
        deepStrictEqual(
          (yield* statistics.agents({ step: "hour", last: 1 })).map(({ submitted }) => submitted),
          [5],
        )
        deepStrictEqual(yield* statistics.agents({ step: "minute", last: 1 }), [])
      }),
    )

    test(
      "measures the time from when a run was runnable to its claim, and from its first claim to its end",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const leases = yield* Leases
        yield* TestRuns.submit({ concurrencyKey: "lane" })
        yield* TestRuns.submit({ concurrencyKey: "lane" })
        yield* TestClock.adjust("2 seconds")
        const first = yield* TestRuns.claimOne(worker)
        yield* TestClock.adjust("10 seconds")
        yield* leases.release(TestRuns.leaseOf(first), { delay: "5 seconds" })
        yield* TestClock.adjust("5 seconds")
        const again = yield* TestRuns.claimOne(worker)
        yield* TestClock.adjust("5 seconds")
        yield* TestRuns.complete(again)
        // The second of the lane is runnable only now.
        yield* TestClock.adjust("4 seconds")
        yield* TestRuns.claimOne(worker)
        const [minute] = yield* lastMinutes(1)
        const { pickUp, runTime } = minute!
        deepStrictEqual([Histogram.size(pickUp), Histogram.size(runTime)], [3, 1])
        isAbout(Histogram.percentile(pickUp, 0.5), 2000)
        isAbout(Histogram.percentile(pickUp, 1), 4000)
        isAbout(Histogram.percentile(runTime, 0.5), 20_000)
      }),
    )

    test(
      "counts the claim of a run that goes to a waiting claim",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const claim = yield* TestRuns.start(TestRuns.claim(worker, { wait: "30 seconds" }))
        yield* TestRuns.submit()
        strictEqual((yield* claim).length, 1)
        const [minute] = yield* lastMinutes(1)
        deepStrictEqual(Struct.pick(minute!, "submitted", "claimed", "pending", "pickUp"), {
          submitted: 1,
          claimed: 1,
          pending: 0,
          pickUp: [{ bucket: 0, count: 1 }],
        })
      }),
    )

    test(
      "counts what runs have reported, when they report it",
      Effect.gen(function* () {
        const statistics = yield* Statistics
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit()
        const claimed = yield* TestRuns.claimOne(worker, { leaseDuration: "5 minutes" })
        const usage = TokenUsage.toEvent({ inputTokens: 10, outputTokens: 5 }, { cost: 70 })
        yield* TestRuns.append(claimed, [usage, usage])
        yield* TestClock.adjust("1 minute")
        yield* TestRuns.append(claimed, [TokenUsage.toEvent({ inputTokens: 1 })])
        yield* TestRuns.complete(claimed)
        deepStrictEqual(
          (yield* lastMinutes(2)).map(({ cost, tokens }) => [tokens, cost]),
          [
            [30, 140],
            [1, 0],
          ],
        )
        deepStrictEqual(
          (yield* statistics.agents({ step: "hour", last: 1 })).map(({ cost, tokens }) => [tokens, cost]),
          [[31, 140]],
        )
      }),
    )

    test(
      "counts for one agent alone",
      Effect.gen(function* () {
        yield* TestRuns.submit({ agentId: "a" })
        yield* TestRuns.submit({ agentId: "b" })
        const [minute] = yield* lastMinutes(1, { agentId: (yield* counts)[0]!.agentId })
        deepStrictEqual([minute!.submitted, minute!.pending], [1, 1])
        const statistics = yield* Statistics
        strictEqual((yield* statistics.counts({ agentId: (yield* counts)[1]!.agentId })).length, 1)
      }),
    )

    test(
      "bounds the number of periods and of failure codes",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        strictEqual((yield* lastMinutes(1e9)).length, 1500)
        strictEqual((yield* lastMinutes(0)).length, 1)
        for (const code of Array.range(1, 60)) {
          yield* fail(yield* TestRuns.hold(worker), `${"long ".repeat(30)}${code}`)
          yield* fail(yield* TestRuns.hold(worker), `code ${code}`)
        }
        const [minute] = yield* lastMinutes(1)
        const { ended, failures } = minute!
        strictEqual(ended.failed, 120)
        strictEqual(
          failures.reduce((total, { count }) => total + count, 0),
          120,
        )
        strictEqual(failures.length, 51)
        strictEqual(failures[0]!.code, "long ".repeat(20))
      }),
    )

    test(
      "runs that are pruned are counted no more, and periods as old as they are go with them",
      Effect.gen(function* () {
        const controlPlane = yield* ControlPlane
        const runs = yield* Runs
        const { projectId, runId } = yield* TestRuns.submit()
        yield* runs.cancel(runId)
        yield* TestRuns.submit()
        yield* TestClock.adjust("3 minutes")
        yield* runs.cancel((yield* TestRuns.submit()).runId)
        deepStrictEqual(yield* controlPlane.prune({ projectId, olderThan: "2 minutes" }), {
          pruned: 1,
          more: false,
        })
        deepStrictEqual(yield* plainCounts, [["agent", { ...none, pending: 1, cancelled: 1 }]])
        deepStrictEqual(
          (yield* lastMinutes(4)).map(({ ended, pending, submitted }) => [
            submitted,
            ended.cancelled,
            pending,
          ]),
          [
            [0, 0, 1],
            [0, 0, 1],
            [0, 0, 1],
            [1, 1, 1],
          ],
        )
      }),
    )
  })
}
