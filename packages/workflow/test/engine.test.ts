/**
 * The tests of the engine in `@effect/cluster`, over this one.
 *
 * Source: https://github.com/Effect-TS/effect, packages/cluster/test/ClusterWorkflowEngine.test.ts, MIT
 */
import { describe } from "@effect/vitest"
import {
  assertInclude,
  assertInstanceOf,
  assertTrue,
  deepStrictEqual,
  strictEqual,
} from "@effect/vitest/utils"
import { DurableDeferred, Workflow } from "@effect/workflow"
import { Run, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Cause, Effect, Exit, Fiber, TestClock } from "effect"
import { RunleaseWorkflowEngine } from "../src/index.js"
import { controlPlanes, driven, exitOf, start, tester, untilStatus } from "./Engine.js"
import * as Workflows from "./Workflows.js"

const {
  CatchWorkflow,
  ChildDeferred,
  ChildWorkflow,
  DiscardChildWorkflow,
  DiscardParentWorkflow,
  DurableRaceGate,
  DurableRaceWorkflow,
  EmailTrigger,
  EmailWorkflow,
  ErrorDefectWorkflow,
  Flags,
  ParentWorkflow,
  RaceWorkflow,
  SuspendOnFailureWorkflow,
} = Workflows

const runOf = (executionId: string) =>
  TestRuns.getRun(RunleaseWorkflowEngine.runIdOf(executionId) as Run.Run["runId"])

/** Waits, while time goes on, until the workflow has set a flag. */
const untilSet = (name: string) =>
  TestRuns.eventually(
    Effect.map(Flags, (flags) => flags.get(name)),
    (value) => value !== undefined,
  )

for (const [name, ports] of controlPlanes) {
  describe(`The engine over ${name}`, () => {
    const test = tester(ports, Workflows.layer)

    test(
      "runs a workflow past failed activities, a clock and a deferred",
      Effect.gen(function* () {
        const flags = yield* Flags
        const payload = { id: "test-email-1", to: "bob@example.com" }
        const fiber = yield* start(EmailWorkflow.execute(payload))
        const executionId = yield* EmailWorkflow.executionId(payload)
        yield* untilSet("ensuring")
        yield* untilStatus(executionId, "waiting")
        deepStrictEqual(yield* EmailWorkflow.poll(executionId), new Workflow.Suspended({}))
        deepStrictEqual(
          ["finalizer", "compensation", "ensuring", "catchAllCause", "sent"].map((flag) => flags.get(flag)),
          [true, undefined, true, undefined, 5],
        )

        const token = DurableDeferred.tokenFromExecutionId(EmailTrigger, {
          workflow: EmailWorkflow,
          executionId,
        })
        yield* DurableDeferred.done(EmailTrigger, { token, exit: Exit.succeed("done") })
        strictEqual(yield* TestRuns.joinAdvancing(fiber), undefined)
        deepStrictEqual(
          ["email", "catchAllCause", "sent"].map((flag) => flags.get(flag)),
          ["done", undefined, 5],
        )

        // An execution is its id.
        const { leaseEpoch } = yield* runOf(executionId)
        yield* driven(EmailWorkflow.execute({ ...payload, to: "alice@example.com" }))
        strictEqual((yield* runOf(executionId)).leaseEpoch, leaseEpoch)
        deepStrictEqual(yield* EmailWorkflow.poll(executionId), new Workflow.Complete({ exit: Exit.void }))
        strictEqual(flags.get("compensation"), undefined)
      }),
    )

    test(
      "interrupts a workflow where it waits, which compensates",
      Effect.gen(function* () {
        const flags = yield* Flags
        const payload = { id: "test-email-2", to: "bob@example.com" }
        const fiber = yield* start(EmailWorkflow.execute(payload))
        const executionId = yield* EmailWorkflow.executionId(payload)
        yield* untilSet("ensuring")
        yield* untilStatus(executionId, "waiting")
        yield* EmailWorkflow.interrupt(executionId)
        const exit = yield* driven(Fiber.await(fiber))
        assertTrue(Exit.isInterrupted(exit))
        deepStrictEqual([flags.get("compensation"), flags.get("catchAllCause")], [1, undefined])
        strictEqual((yield* runOf(executionId)).status, "cancelled")
        const result = yield* EmailWorkflow.poll(executionId)
        assertTrue(result?._tag === "Complete" && Exit.isInterrupted(result.exit))
      }),
    )

    test(
      "compensates a workflow that fails, and gives its error",
      Effect.gen(function* () {
        const flags = yield* Flags
        const error = yield* driven(
          Effect.flip(EmailWorkflow.execute({ id: "test-email-3", to: "compensation" })),
        )
        assertInstanceOf(error, Workflows.SendEmailError)
        strictEqual(error.message, "Compensation triggered")
        strictEqual(flags.get("compensation"), 1)
        const executionId = yield* EmailWorkflow.executionId({ id: "test-email-3", to: "" })
        const run = yield* runOf(executionId)
        deepStrictEqual(
          [run.status, run.error],
          ["failed", { code: "SendEmailError", message: "Compensation triggered" }],
        )
      }),
    )

    test(
      "races activities",
      Effect.gen(function* () {
        const flags = yield* Flags
        strictEqual(yield* driven(RaceWorkflow.execute({ id: "race-1" })), "Activity3")
        deepStrictEqual(
          [1, 2, 3].map((n) => flags.get(`interrupted Activity${n}`)),
          [true, true, undefined],
        )
      }),
    )

    test(
      "races activities that wait without a worker",
      Effect.gen(function* () {
        const fiber = yield* start(DurableRaceWorkflow.execute({ id: "race-2" }))
        const token = yield* untilSet("race-token")
        yield* DurableDeferred.done(DurableRaceGate, {
          token: DurableDeferred.Token.make(String(token)),
          exit: Exit.void,
        })
        strictEqual(yield* TestRuns.joinAdvancing(fiber), "Activity3")
      }),
    )

    test(
      "executes a workflow in a workflow, which waits without a worker",
      Effect.gen(function* () {
        const flags = yield* Flags
        const fiber = yield* start(ParentWorkflow.execute({ id: "123" }))
        const executionId = yield* ParentWorkflow.executionId({ id: "123" })
        yield* untilStatus(executionId, "waiting")
        const token = yield* untilSet("child-token")
        deepStrictEqual(
          ["parent-end", "child-end", "parent-suspended"].map((flag) => flags.get(flag)),
          [undefined, undefined, true],
        )
        yield* DurableDeferred.done(ChildDeferred, {
          token: DurableDeferred.Token.make(String(token)),
          exit: Exit.void,
        })
        strictEqual(yield* TestRuns.joinAdvancing(fiber), "child gave result of 123")
        deepStrictEqual(
          ["before child", "in child", "parent-end", "child-end"].map((flag) => flags.get(flag)),
          [1, 1, true, true],
        )
        const child = yield* runOf(yield* ChildWorkflow.executionId({ id: "123" }))
        strictEqual(child.parentRunId, executionId)
      }),
    )

    test(
      "interrupts the workflow in a workflow with it, and waits for its compensation",
      Effect.gen(function* () {
        const flags = yield* Flags
        const fiber = yield* start(ParentWorkflow.execute({ id: "both" }))
        const executionId = yield* ParentWorkflow.executionId({ id: "both" })
        const childId = yield* ChildWorkflow.executionId({ id: "both" })
        yield* untilStatus(executionId, "waiting")
        yield* untilStatus(childId, "waiting")
        yield* ParentWorkflow.interrupt(executionId)
        assertTrue(Exit.isInterrupted(yield* driven(Fiber.await(fiber))))
        deepStrictEqual(
          ["parent compensation", "child compensation", "before child", "in child"].map((flag) =>
            flags.get(flag),
          ),
          [1, 1, 1, 1],
        )
        const [parent, child] = [yield* runOf(executionId), yield* runOf(childId)]
        deepStrictEqual([parent.status, child.status, child.error], ["cancelled", "cancelled", null])
      }),
    )

    test(
      "submits a workflow that goes on without the one that has called it",
      Effect.gen(function* () {
        const childId = yield* driven(DiscardParentWorkflow.execute({ id: "discard-1" }))
        const parentId = yield* DiscardParentWorkflow.executionId({ id: "discard-1" })
        strictEqual((yield* runOf(childId)).parentRunId, parentId)
        yield* TestClock.adjust("2 minutes")
        yield* untilStatus(childId, "completed")
        deepStrictEqual(yield* DiscardChildWorkflow.poll(childId), new Workflow.Complete({ exit: Exit.void }))
      }),
    )

    test(
      "takes the first exit of a deferred, which was completed before it is awaited",
      Effect.gen(function* () {
        const flags = yield* Flags
        const payload = { id: "test-email-4", to: "bob@example.com" }
        const executionId = yield* EmailWorkflow.execute(payload, { discard: true })
        const token = DurableDeferred.tokenFromExecutionId(EmailTrigger, {
          workflow: EmailWorkflow,
          executionId,
        })
        yield* DurableDeferred.done(EmailTrigger, { token, exit: Exit.succeed("first") })
        yield* DurableDeferred.done(EmailTrigger, { token, exit: Exit.succeed("second") })
        strictEqual(flags.get("ensuring"), undefined)
        yield* driven(EmailWorkflow.execute(payload))
        strictEqual(flags.get("email"), "first")
        yield* DurableDeferred.done(EmailTrigger, { token, exit: Exit.succeed("late") })
      }),
    )

    test(
      "does not complete the deferred of an execution that there is not",
      Effect.gen(function* () {
        const token = DurableDeferred.tokenFromExecutionId(EmailTrigger, {
          workflow: EmailWorkflow,
          executionId: "none",
        })
        const done = DurableDeferred.done(EmailTrigger, { token, exit: Exit.succeed("first") })
        const exit = yield* exitOf(done)
        assertTrue(Exit.isFailure(exit))
        assertInclude(Cause.pretty(exit.cause), "Run none does not exist")
      }),
    )

    test(
      "suspends a workflow on failure, and resumes it by hand",
      Effect.gen(function* () {
        const flags = yield* Flags
        const fiber = yield* start(SuspendOnFailureWorkflow.execute({ id: "" }))
        const executionId = yield* SuspendOnFailureWorkflow.executionId({ id: "" })
        yield* untilStatus(executionId, "waiting")
        strictEqual(flags.get("suspended"), true)
        assertInclude(String(flags.get("cause")), "boom")
        assertInclude((yield* runOf(executionId)).waiting?.interrupts[0]?.message, "boom")
        yield* SuspendOnFailureWorkflow.resume(executionId)
        strictEqual(yield* TestRuns.joinAdvancing(fiber), 2)
        strictEqual(flags.get("undone"), undefined)
      }),
    )

    test(
      "interrupts a workflow that is suspended on failure",
      Effect.gen(function* () {
        const flags = yield* Flags
        const fiber = yield* start(SuspendOnFailureWorkflow.execute({ id: "2" }))
        const executionId = yield* SuspendOnFailureWorkflow.executionId({ id: "2" })
        // It fails once more when it is resumed.
        flags.set("failing", -1)
        yield* untilStatus(executionId, "waiting")
        yield* SuspendOnFailureWorkflow.interrupt(executionId)
        assertTrue(Exit.isInterrupted(yield* driven(Fiber.await(fiber))))
        strictEqual(flags.get("undone"), 1)
      }),
    )

    test(
      "lets a workflow catch the defect of an activity",
      Effect.gen(function* () {
        yield* driven(CatchWorkflow.execute({ id: "" }))
        assertInclude(String((yield* Flags).get("catch")), "boom")
      }),
    )

    test(
      "gives the defects of a workflow",
      Effect.gen(function* () {
        const exit = yield* exitOf(ErrorDefectWorkflow.execute({ id: "raw-error-defect" }))
        assertTrue(Exit.isFailure(exit))
        const [defect] = Cause.defects(exit.cause)
        assertInstanceOf(defect, Error)
        strictEqual(defect.message, "Batch request error: Request timed out")
      }),
    )

    test(
      "has the trace of the caller in the request",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const [executionId, traceId] = yield* Effect.gen(function* () {
          const { traceId } = yield* Effect.currentSpan
          return [yield* RaceWorkflow.execute({ id: "traced" }, { discard: true }), traceId] as const
        }).pipe(Effect.withSpan("the caller"))
        const { runId } = yield* runOf(executionId)
        strictEqual((yield* runs.snapshot(runId)).traceContext?.traceId, traceId)
      }),
    )
  })
}
