/** Leases suite: a run that is suspended for answers and for something else. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type * as Interrupt from "@runlease/core/Interrupt"
import { Leases, type Pause } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import * as TokenUsage from "@runlease/core/TokenUsage"
import { type Duration, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { family } from "./Children.js"

const question = (id: string): Interrupt.Interrupt => ({ id, reason: "confirmation" })

const yes = (interruptId: string): Interrupt.Answer => ({ interruptId, status: "resolved", payload: true })

/** Suspends the run for answers to questions of these ids, and for what else is set. */
const suspendFor = (
  claimed: ClaimedRun,
  [first, ...others]: readonly [string, ...ReadonlyArray<string>],
  rest: Pause & { readonly expiresAfter?: Duration.DurationInput } = {},
) =>
  Effect.flatMap(Leases, (leases) =>
    leases.suspend(TestRuns.leaseOf(claimed), {
      ...rest,
      interrupts: [question(first), ...others.map(question)],
    }),
  )

const status = ({ runId }: ClaimedRun) => Effect.map(TestRuns.getRun(runId), ({ status }) => status)

/** The run is as it says soon after now. */
const soon = ({ runId }: ClaimedRun, expected: string) =>
  TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === expected, {
    step: "1 millis",
    within: "100 millis",
  })

const send = ({ runId }: ClaimedRun) =>
  Effect.flatMap(Runs, (runs) => runs.tell(runId, { parts: [{ type: "text", text: "go on" }] }))

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a run that waits for answers and for a time continues at its time, and keeps the answers that it has",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { runId } = claimed
      const wakesAt = yield* TestRuns.after("10 seconds")
      yield* suspendFor(claimed, ["a", "b"], { wakeAfter: "10 seconds" })
      yield* runs.resume(runId, [yes("a")])
      deepStrictEqual((yield* TestRuns.getRun(runId)).waiting, {
        interrupts: [question("a"), question("b")],
        answers: [yes("a")],
        expiresAt: null,
        wakesAt,
      })
      yield* TestClock.adjust("10 seconds")
      strictEqual((yield* soon(claimed, "pending")).waiting, null)
      strictEqual(yield* TestRuns.verdictOf(runs.resume(runId, [yes("b")])), "NotWaiting")
      strictEqual((yield* runs.resume(runId, [yes("a")])).duplicate, true)

      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.attempt, again.snapshot.resume], [1, [yes("a")]])
      deepStrictEqual(yield* TestRuns.typesOf(runId), [
        "RUN_STARTED",
        "RUN_FINISHED",
        "CUSTOM",
        "RUN_STARTED",
      ])
      yield* suspendFor(again, ["b"])
      yield* runs.resume(runId, [yes("b")])
      deepStrictEqual((yield* TestRuns.claimOne(worker)).snapshot.resume, [yes("a"), yes("b")])
    }),
  )

  test(
    "the last answer ends the wait before its time, which is of no account then",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { parent: claimed, worker } = yield* family(1)
      yield* suspendFor(claimed, ["a"], { wakeAfter: "10 seconds", children: [[0]], inbox: 0 })
      strictEqual((yield* runs.resume(claimed.runId, [yes("a")])).run.status, "pending")
      const again = yield* TestRuns.claimOne(worker)
      yield* suspendFor(again, ["b"])
      yield* TestClock.adjust("10 seconds")
      yield* TestRuns.settle
      strictEqual(yield* status(claimed), "waiting")
    }),
  )

  for (const [title, wakeAfter, expected] of [
    ["before", "9 seconds", "pending"],
    ["with", "10 seconds", "pending"],
    ["after", "11 seconds", "failed"],
  ] as const) {
    test(
      `a run whose time comes ${title} that of its question is ${expected}`,
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const expiresAt = yield* TestRuns.after("10 seconds")
        yield* suspendFor(claimed, ["a"], { wakeAfter, expiresAfter: "10 seconds" })
        const { waiting } = yield* TestRuns.getRun(claimed.runId)
        deepStrictEqual(waiting?.expiresAt, expiresAt)
        yield* TestRuns.settle
        yield* TestClock.adjust("11 seconds")
        const { error } = yield* soon(claimed, expected)
        strictEqual(error?.code, expected === "failed" ? "wait_expired" : undefined)
      }),
    )
  }

  test(
    "a child that ends, or a message, lets a run go on that waits for answers too",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker)
      yield* leases.spawn(TestRuns.leaseOf(parent), {
        stepId: "child",
        name: "child",
        submission: { agentId: "agent", publicId: "child" },
      })
      const child = yield* TestRuns.claimOne(worker)
      yield* suspendFor(parent, ["a"], { children: [[0]] })
      yield* TestRuns.complete(child)
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, parent.runId)
      yield* suspendFor(again, ["a"], { inbox: 0 })
      yield* send(again)
      strictEqual(yield* status(parent), "pending")
    }),
  )

  test(
    "a run that has what it waits for already poses no question",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* send(claimed)
      yield* suspendFor(claimed, ["a"], { inbox: 0 })
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      const events = yield* TestRuns.eventsOf(claimed.runId)
      deepStrictEqual(events.map(TestRuns.outcomeOf).filter(Boolean), ["success"])
    }),
  )

  test(
    "a root whose budget is spent asks for it after its other questions, and the answer to it lets a child go on that asks too",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const root = yield* TestRuns.hold(worker, { budget: { tokens: 10 } })
      const lease = TestRuns.leaseOf(root)
      const submission = { agentId: "agent", publicId: "child" }
      yield* leases.spawn(lease, { stepId: "child", name: "child", submission })
      const child = yield* TestRuns.claimOne(worker)
      yield* TestRuns.append(root, [TokenUsage.toEvent({ inputTokens: 9, outputTokens: 1 })])
      yield* suspendFor(child, ["b"], { budget: true })
      yield* suspendFor(root, ["a"], { budget: true })
      const reasons = Effect.map(TestRuns.getRun(root.runId), ({ waiting }) =>
        waiting?.interrupts.map(({ reason }) => reason),
      )
      deepStrictEqual(yield* reasons, ["confirmation"])
      yield* runs.resume(root.runId, [yes("a")])
      yield* leases.suspend(TestRuns.leaseOf(yield* TestRuns.claimOne(worker)), { budget: true })
      deepStrictEqual(yield* reasons, ["budget"])
      strictEqual(yield* status(child), "waiting")
      const { waiting } = yield* TestRuns.getRun(root.runId)
      const interruptId = waiting!.interrupts[0]!.id
      yield* runs.resume(root.runId, [{ interruptId, status: "resolved", payload: { tokens: 100 } }])
      deepStrictEqual([yield* status(root), yield* status(child)], ["pending", "pending"])
    }),
  )

  test(
    "the question of a worker is none about the budget, whatever its reason is, and cannot have the id of one",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const suspendFor = (root: ClaimedRun, id: string) =>
        leases.suspend(TestRuns.leaseOf(root), {
          interrupts: [{ id, reason: "budget", toolCallId: "call", responseSchema: {} }],
        })
      for (const budget of [undefined, { tokens: 100 }]) {
        const root = yield* TestRuns.hold(worker, { ...(budget && { budget }) })
        const refused = yield* Effect.flip(suspendFor(root, `budget-${root.latestEventId}`))
        strictEqual(refused._tag, "SuspensionRefused")
        yield* suspendFor(root, "more")
        yield* runs.resume(root.runId, [
          { interruptId: "call", status: "resolved", payload: { tokens: 10_000 } },
        ])
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual((yield* TestRuns.getRun(root.runId)).budget?.limits, budget)
        yield* TestRuns.complete(again)
      }
    }),
  )
}
