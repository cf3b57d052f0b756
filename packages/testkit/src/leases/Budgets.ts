/** Leases suite: budgets over trees of runs. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { RunId, WorkerId } from "@runlease/core/Ids"
import type { Answer } from "@runlease/core/Interrupt"
import { Leases, type Pause } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import * as TokenUsage from "@runlease/core/TokenUsage"
import * as Usage from "@runlease/core/Usage"
import type { Limits } from "@runlease/core/TreeBudget"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { renew } from "./Holder.js"

const spent = (runId: RunId) => Effect.map(TestRuns.getRun(runId), ({ budget }) => budget?.spent)

const usage = (tokens: number, cost?: number) =>
  TokenUsage.toEvent({ inputTokens: tokens - 1, outputTokens: 1 }, cost === undefined ? {} : { cost })

/** The sum of this many reports of one model that leave it out. */
const counted = (tokens: number, reports: number) => [
  { inputTokens: tokens - reports, outputTokens: reports, totalTokens: tokens },
]

const request = (step: string, fields: { readonly refused?: true } = {}) =>
  AgentEvent.custom("runlease.request", {
    step_id: step,
    record_id: `${step}-${fields.refused === true}`,
    name: "answer",
    ...fields,
  })

const pause = (claimed: ClaimedRun, wait: Pause) =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(claimed), wait))

const spawn = (parent: ClaimedRun, name: string, detached = false) =>
  Effect.flatMap(Leases, (leases) =>
    leases.spawn(TestRuns.leaseOf(parent), {
      stepId: name,
      name,
      detached,
      submission: { agentId: "agent", publicId: `${parent.runId}-${name}` },
    }),
  )

const answer = (root: RunId, fields: Partial<Answer>) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { waiting } = yield* runs.get(root)
    const { id } = waiting!.interrupts[0]!
    return yield* runs.resume(root, [{ interruptId: id, status: "resolved", ...fields }])
  })

/** A root with these limits and one child, both leased by the worker. */
const tree = (worker: WorkerId, budget: Limits) =>
  Effect.gen(function* () {
    const root = yield* TestRuns.hold(worker, { budget })
    yield* spawn(root, "child")
    return { root, child: yield* TestRuns.claimOne(worker) }
  })

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "what the runs of a tree report, record, spawn and hold is charged to the budget of the root",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { child, root } = yield* tree(worker, { tokens: 1_000 })
      deepStrictEqual([root.budgetRoot, child.budgetRoot], [root.runId, root.runId])
      yield* TestRuns.append(root, [usage(100, 7)])
      yield* TestRuns.append(child, [
        usage(20),
        AgentEvent.custom("runlease.step", { step_id: "a", record_id: "a", name: "a" }),
        AgentEvent.custom("runlease.step", { step_id: "a", record_id: "b", name: "a", replaces: "a" }),
      ])
      yield* TestClock.adjust("2 seconds")
      yield* renew(child)
      yield* TestClock.adjust("1 second")
      yield* TestRuns.complete(child)
      deepStrictEqual(yield* spent(root.runId), { tokens: 120, cost: 7, steps: 1, seconds: 3, runs: 2 })
      yield* TestRuns.complete(root)
      deepStrictEqual(yield* spent(root.runId), { tokens: 120, cost: 7, steps: 1, seconds: 6, runs: 2 })
    }),
  )

  test(
    "a repeated append is charged once",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const root = yield* TestRuns.hold(worker, { budget: { tokens: 1_000 } })
      const leases = yield* Leases
      const last = { events: [usage(100)], expectedSequence: root.latestSequence }
      yield* TestRuns.append(root, [usage(100)])
      yield* leases.complete(TestRuns.leaseOf(root), { status: "completed" }, last)
      strictEqual((yield* spent(root.runId))?.tokens, 100)
    }),
  )

  test(
    "what a child spends is charged together with an append of the root that repeats events",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const log = yield* RunLog
      const { child, root } = yield* tree(worker, { tokens: 1_000 })
      const first = AgentEvent.custom("first", 1)
      yield* TestRuns.append(root, [first])
      const repeating = log.append({
        runId: root.runId,
        fence: TestRuns.leaseOf(root),
        events: [first, AgentEvent.custom("second", 2)],
        expectedSequence: root.latestSequence,
      })
      yield* Effect.all([TestRuns.append(child, [usage(20)]), repeating], { concurrency: "unbounded" })
      strictEqual((yield* spent(root.runId))?.tokens, 20)
    }),
  )

  test(
    "a run without a budget has none, nor have its children",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const root = yield* TestRuns.hold(worker)
      yield* spawn(root, "child")
      const child = yield* TestRuns.claimOne(worker)
      deepStrictEqual([root.budgetRoot, child.budgetRoot], [undefined, undefined])
      strictEqual((yield* TestRuns.getRun(root.runId)).budget, undefined)
    }),
  )

  test(
    "at a limit the root poses a question instead of waiting, and those below it wait until it is raised",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { child, root } = yield* tree(worker, { tokens: 100, runs: 9 })
      // The root joins before the limit is reached; then it asks.
      yield* pause(root, { children: [[0]] })
      strictEqual((yield* TestRuns.getRun(root.runId)).waiting?.interrupts.length, 0)
      yield* TestRuns.append(child, [usage(150)])
      yield* pause(child, { budget: true })
      const asking = yield* TestRuns.getRun(root.runId)
      deepStrictEqual(
        asking.waiting?.interrupts.map(({ message, reason }) => [reason, message]),
        [["budget", "The budget is spent: 150 of 100 tokens. Give higher limits, or decline to end the run"]],
      )
      strictEqual((yield* TestRuns.getRun(child.runId)).waiting?.budget, true)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      deepStrictEqual((yield* TestRuns.typesOf(root.runId)).slice(-2), ["CUSTOM", "RUN_FINISHED"])

      yield* answer(root.runId, { payload: { tokens: 500 } })
      const claimed = yield* TestRuns.claim(worker, { limit: 5 })
      deepStrictEqual(new Set(claimed.map(({ runId }) => runId)), new Set([root.runId, child.runId]))
      deepStrictEqual((yield* TestRuns.getRun(root.runId)).budget?.limits, { tokens: 500, runs: 9 })
    }),
  )

  test(
    "a root that holds its budget spent poses its question when it waits itself",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const root = yield* TestRuns.hold(worker, { budget: { steps: 1 } })
      yield* TestRuns.append(root, [
        AgentEvent.custom("runlease.step", { step_id: "a", record_id: "a", name: "a" }),
      ])
      strictEqual((yield* TestRuns.getRun(root.runId)).status, "running")
      yield* pause(root, { budget: true })
      strictEqual((yield* TestRuns.getRun(root.runId)).waiting?.interrupts[0]?.reason, "budget")
      yield* answer(root.runId, { payload: { steps: 2 } })
      strictEqual((yield* TestRuns.claimOne(worker)).runId, root.runId)
    }),
  )

  test(
    "what a run and its tree have used is the sum of the reports, and requests without an answer are counted",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const root = yield* TestRuns.hold(worker)
      yield* spawn(root, "child")
      const child = yield* TestRuns.claimOne(worker)
      yield* TestRuns.append(root, [usage(100, 7)])
      // A message that is open is no request: a program may be writing it.
      yield* TestRuns.append(child, [usage(20), AgentEvent.textStart("broken"), request("answer")])
      yield* leases.release(TestRuns.leaseOf(child))
      const again = yield* TestRuns.claimOne(worker)
      yield* TestRuns.append(again, [usage(30, 1)])
      deepStrictEqual(yield* Usage.ofRun(root.runId), {
        usage: counted(100, 1),
        cost: 7,
        unfinished: 0,
        runs: 1,
      })
      deepStrictEqual(yield* Usage.ofTree(root.runId), {
        usage: counted(150, 3),
        cost: 8,
        unfinished: 1,
        runs: 2,
        lineage: { usage: [], cost: 0, unfinished: 0, runs: 0 },
      })
    }),
  )

  for (const [what, closing, unfinished] of [
    ["has no answer when the run is cancelled", [], 1],
    [
      "has its record",
      [AgentEvent.custom("runlease.step", { step_id: "a", record_id: "r", name: "answer" })],
      0,
    ],
    ["has a report of its usage", [AgentEvent.custom("runlease.usage", { inputTokens: 1, request: "a" })], 0],
    ["was refused", [request("a", { refused: true })], 0],
  ] as const) {
    test(
      `a request to a model counts ${unfinished === 0 ? "not " : ""}as unfinished that ${what}`,
      Effect.gen(function* () {
        const runs = yield* Runs
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(claimed, [request("a"), ...closing])
        yield* runs.cancel(claimed.runId)
        strictEqual((yield* Usage.ofRun(claimed.runId)).unfinished, unfinished)
      }),
    )
  }

  test(
    "what a tree has used is what its budget is charged, and retries, forks and detached children are apart",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const { child, root } = yield* tree(worker, { tokens: 1_000 })
      yield* TestRuns.append(root, [usage(100, 7)])
      yield* TestRuns.append(child, [usage(20)])
      /** Holds a run that uses so much. */
      const using = (tokens: number) =>
        Effect.tap(TestRuns.claimOne(worker), (claimed) => TestRuns.append(claimed, [usage(tokens, 1)]))
      yield* spawn(child, "grandchild")
      yield* using(30)
      yield* spawn(child, "detached", true)
      const detached = yield* using(40)
      yield* spawn(detached, "child")
      yield* using(50)
      yield* TestRuns.submit({ parentRunId: root.runId })
      yield* using(60)
      yield* runs.fork(child.runId, { after: child.latestEventId })
      yield* using(70)
      const used = yield* Usage.ofTree(root.runId)
      strictEqual((yield* spent(root.runId))?.tokens, 150)
      deepStrictEqual(used, {
        usage: counted(150, 3),
        cost: 8,
        unfinished: 0,
        runs: 3,
        lineage: { usage: counted(220, 4), cost: 4, unfinished: 0, runs: 4 },
      })
      deepStrictEqual((yield* Usage.ofTree(detached.runId)).usage, counted(90, 2))
    }),
  )

  test(
    "a wait for a budget that is not spent is over at once",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { child } = yield* tree(worker, { tokens: 100 })
      yield* pause(child, { budget: true })
      strictEqual((yield* TestRuns.claimOne(worker)).runId, child.runId)
    }),
  )

  test(
    "a root whose question is declined fails, and its children are cancelled",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { child, root } = yield* tree(worker, { tokens: 100 })
      yield* TestRuns.append(child, [usage(100)])
      yield* pause(root, { children: [[0]] })
      yield* answer(root.runId, { status: "cancelled" })
      const { error, status } = yield* TestRuns.getRun(root.runId)
      deepStrictEqual([status, error?.code], ["failed", "budget_spent"])
      strictEqual((yield* TestRuns.getRun(child.runId)).status, "cancelled")
    }),
  )
}
