/** Runs suite: how a run is cancelled, completed and resumed with answers, and the executor's session of a run. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import type { Run } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const unknownRun = Ids.RunId.make("unknown")

/** Claims a new run and suspends it for call `call`. */
const suspendedRun = (worker: Ids.WorkerId) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const claimed = yield* TestRuns.hold(worker, { snapshot: RequestSnapshot.fromText("Ask me") })
    yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
    return claimed
  })

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "snapshot equals the snapshot of the next claim, with the answers so far",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const snapshot = { ...RequestSnapshot.fromText("Ask me"), state: { open: [1, null] } }
      const submitted = yield* TestRuns.submit({ snapshot })
      deepStrictEqual(yield* runs.snapshot(submitted.runId), snapshot)
      const claimed = yield* TestRuns.claimOne(worker)
      yield* Effect.flatMap(Leases, (leases) =>
        leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall()),
      )
      deepStrictEqual(yield* runs.snapshot(claimed.runId), snapshot)
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call", { found: true }))
      const answered = yield* runs.snapshot(claimed.runId)
      strictEqual(answered.messages.length, 2)
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual(again.snapshot, answered)
      yield* TestRuns.complete(again)
      deepStrictEqual(yield* runs.snapshot(claimed.runId), answered)
      strictEqual(yield* TestRuns.verdictOf(runs.snapshot(unknownRun)), "RunNotFound")
    }),
  )

  test(
    "resume makes the run pending with the answer in its snapshot, and resets its attempts",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      const answer = yield* runs.resume(claimed.runId, TestRuns.resultOf("call", { ok: [1] }))
      strictEqual(answer.duplicate, false)
      strictEqual(answer.run.status, "pending")
      strictEqual(answer.run.waiting, null)
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, claimed.runId)
      strictEqual(again.attempt, 1)
      strictEqual(again.leaseEpoch, 2)
      strictEqual(again.snapshot.messages.length, 2)
      const message = again.snapshot.messages[1]
      strictEqual(message?.role, "tool")
      deepStrictEqual(message?.parts, [{ type: "tool_result", toolCallId: "call", result: { ok: [1] } }])
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), ["RUN_STARTED", "RUN_FINISHED", "RUN_STARTED"])
      yield* TestRuns.complete(again)
      strictEqual((yield* runs.get(claimed.runId)).status, "completed")
    }),
  )

  test(
    "resume stores that the call failed",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call", "No such file", true))
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual(again.snapshot.messages[1]?.parts, [
        { type: "tool_result", toolCallId: "call", result: "No such file", isError: true },
      ])
    }),
  )

  test(
    "resume again with the same answer is a duplicate; another answer or call is refused",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      const answer = TestRuns.resultOf("call", { yes: true })
      const refusalOf = (toolCallId: string, result: unknown) =>
        TestRuns.verdictOf(runs.resume(claimed.runId, TestRuns.resultOf(toolCallId, result)))
      strictEqual(yield* refusalOf("other", 1), "NotWaiting")
      yield* runs.resume(claimed.runId, answer)
      strictEqual((yield* runs.resume(claimed.runId, answer)).duplicate, true)
      strictEqual(yield* refusalOf("call", { yes: false }), "NotWaiting")
      strictEqual(yield* refusalOf("other", 1), "NotWaiting")
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.snapshot.messages.length, 2)
      yield* TestRuns.complete(again)
      strictEqual((yield* runs.resume(claimed.runId, answer)).duplicate, true)
      strictEqual(yield* refusalOf("call", { yes: false }), "NotWaiting")
      strictEqual(yield* TestRuns.verdictOf(runs.resume(unknownRun, answer)), "RunNotFound")
    }),
  )

  test(
    "resume answers a second wait of the same run",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* suspendedRun(worker)
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call", 1))
      const again = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall("call-2", "ask"))
      yield* runs.resume(claimed.runId, TestRuns.resultOf("call-2", 2))
      const third = yield* TestRuns.claimOne(worker)
      deepStrictEqual(
        third.snapshot.messages.slice(1).map((message) => message.parts[0]?.["toolCallId"]),
        ["call", "call-2"],
      )
    }),
  )

  test(
    "cancel ends a pending, a running and a waiting run at once, and closes the log",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const waiting = yield* suspendedRun(worker)
      const running = yield* TestRuns.hold(worker)
      const pending = yield* TestRuns.submit()
      for (const { runId } of [waiting, running, pending]) {
        const answer = yield* runs.cancel(runId)
        strictEqual(answer.cancelled, true)
        strictEqual(answer.run.status, "cancelled")
        const events = yield* TestRuns.eventsOf(runId)
        strictEqual(TestRuns.outcomeOf(events.at(-1)), "cancelled")
        const again = yield* runs.cancel(runId)
        strictEqual(again.cancelled, false)
        strictEqual((yield* TestRuns.eventsOf(runId)).length, events.length)
      }
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual(yield* TestRuns.verdictOf(runs.cancel(unknownRun)), "RunNotFound")
    }),
  )

  test(
    "cancel does not change a run that has ended",
    Effect.gen(function* () {
      const runs = yield* Runs
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.complete(claimed)
      const answer = yield* runs.cancel(claimed.runId)
      strictEqual(answer.cancelled, false)
      strictEqual(answer.run.status, "completed")
    }),
  )

  test(
    "the failure that an agent declares stays with the run, as JSON",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      for (const detail of [{ _tag: "TooLarge", files: 12 }, [1, null], "text", 0, false, null]) {
        const error = { code: "TooLarge", message: "It has 12 files", detail }
        const byLease = yield* TestRuns.hold(worker)
        const leases = yield* Leases
        yield* leases.complete(TestRuns.leaseOf(byLease), { status: "failed", error })
        deepStrictEqual((yield* TestRuns.getRun(byLease.runId)).error, error)
        const { runId } = yield* TestRuns.submit()
        deepStrictEqual((yield* runs.complete(runId, { status: "failed", error })).run.error, error)
        const listed = yield* runs.list({ limit: 1 })
        deepStrictEqual(listed.items[0]?.error, error)
      }
    }),
  )

  test(
    "a run that has ended is submitted again with its request, once under one id",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const input = {
        snapshot: RequestSnapshot.fromText("Once more"),
        priority: 3,
        maxAttempts: 2,
        concurrencyKey: "lane",
        mode: "mode",
      }
      const first = yield* TestRuns.hold(worker, input)
      strictEqual(yield* TestRuns.verdictOf(runs.retry(first.runId)), "RunUnfinished")
      const leases = yield* Leases
      yield* leases.suspend(TestRuns.leaseOf(first), TestRuns.forToolCall("call"))
      yield* runs.resume(first.runId, TestRuns.resultOf("call", "yes"))
      yield* runs.complete(first.runId, { status: "failed", error: { code: "c", message: "m" } })
      const options = { publicId: "again", fromStart: true }
      const { duplicate, run } = yield* runs.retry(first.runId, options)
      strictEqual(duplicate, false)
      strictEqual((yield* runs.retry(first.runId, options)).duplicate, true)
      const before = yield* TestRuns.getRun(first.runId)
      const unchanged = (of: Run) => [
        of.agentId,
        of.conversationId,
        of.concurrencyKey,
        of.priority,
        of.maxAttempts,
        of.mode,
        of.sourceTarget,
        of.runtimeTarget,
      ]
      deepStrictEqual(unchanged(run), unchanged(before))
      deepStrictEqual([run.runId, run.status, run.parentRunId], ["again", "pending", first.runId])
      const claimed = yield* TestRuns.claimOne(worker)
      strictEqual(claimed.runId, run.runId)
      deepStrictEqual(claimed.snapshot, first.snapshot)
      strictEqual(yield* TestRuns.verdictOf(runs.retry(unknownRun)), "RunNotFound")
      yield* runs.cancel(run.runId)
      const answered = yield* runs.retry(first.runId)
      const retried = yield* TestRuns.claimOne(worker)
      strictEqual(retried.runId, answered.run.runId)
      deepStrictEqual(retried.snapshot.resume, [TestRuns.resultOf("call", "yes")[0]])
    }),
  )

  test(
    "complete stores the outcome and closes the log",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const good = yield* TestRuns.hold(worker)
      const done = yield* runs.complete(
        good.runId,
        { status: "completed", metadata: { tokens: 12 } },
        TestRuns.leaseOf(good),
      )
      strictEqual(done.completed, true)
      strictEqual(done.run.status, "completed")
      const found = yield* runs.get(good.runId)
      deepStrictEqual(found.metadata, { tokens: 12 })
      assertTrue(found.finishedAt !== null)
      strictEqual(TestRuns.outcomeOf((yield* TestRuns.eventsOf(good.runId)).at(-1)), "success")

      const bad = yield* TestRuns.hold(worker)
      const error = { code: "model_refused", message: "The model refused" }
      yield* runs.complete(bad.runId, { status: "failed", error }, TestRuns.leaseOf(bad))
      const failed = yield* runs.get(bad.runId)
      strictEqual(failed.status, "failed")
      deepStrictEqual(failed.error, error)
      deepStrictEqual((yield* TestRuns.eventsOf(bad.runId)).at(-1), { type: "RUN_ERROR", ...error })
    }),
  )

  test(
    "concurrent completions each store their own result and metadata, in the run and in its log",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const outcomes = [
        { metadata: { tokens: 1 } },
        { result: { answer: [42] } },
        { metadata: { tokens: 2 }, result: "text" },
        {},
        { metadata: { large: "m".repeat(250_000) }, result: false },
      ]
      const claimed = yield* Effect.forEach(outcomes, () => TestRuns.hold(worker))
      yield* Effect.forEach(
        claimed,
        ({ runId }, index) => runs.complete(runId, { status: "completed", ...outcomes[index] }),
        { concurrency: "unbounded" },
      )
      for (const [index, { conversationId, runId }] of claimed.entries()) {
        const { metadata, result } = yield* runs.get(runId)
        deepStrictEqual({ metadata, result }, { metadata: null, result: null, ...outcomes[index] })
        deepStrictEqual((yield* TestRuns.eventsOf(runId)).at(-1), {
          type: "RUN_FINISHED",
          threadId: conversationId,
          runId,
          outcome: { type: "success" },
          // Metadata that is too large for an event is in the run alone.
          ...(index === 4 ? {} : outcomes[index]),
        })
      }
    }),
  )

  test(
    "complete takes the first outcome; a later one, even from the holder, changes nothing",
    Effect.gen(function* () {
      const runs = yield* Runs
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const fence = TestRuns.leaseOf(claimed)
      yield* runs.complete(claimed.runId, { status: "completed" }, fence)
      const length = (yield* TestRuns.eventsOf(claimed.runId)).length
      for (const by of [fence, undefined]) {
        const error = { code: null, message: "Late" }
        const answer = yield* runs.complete(
          claimed.runId,
          { status: "failed", error, metadata: { late: true } },
          by,
        )
        strictEqual(answer.completed, false)
        strictEqual(answer.run.status, "completed")
      }
      const run = yield* runs.get(claimed.runId)
      strictEqual(run.error, null)
      strictEqual(run.metadata, null)
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, length)
    }),
  )

  test(
    "complete by the holder of a cancelled run returns the cancelled run",
    Effect.gen(function* () {
      const runs = yield* Runs
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* runs.cancel(claimed.runId)
      const answer = yield* TestRuns.complete(claimed)
      strictEqual(answer.completed, false)
      strictEqual(answer.run.status, "cancelled")
    }),
  )

  test(
    "complete without a fence succeeds for any run",
    Effect.gen(function* () {
      const runs = yield* Runs
      const driven = yield* TestRuns.submit({ initialStatus: "running" })
      const pending = yield* TestRuns.submit()
      const claimed = yield* TestRuns.hold(yield* TestRuns.register(), { priority: 1 })
      for (const { runId } of [driven, pending, claimed]) {
        strictEqual((yield* runs.complete(runId, { status: "completed" })).completed, true)
      }
      deepStrictEqual(yield* TestRuns.typesOf(pending.runId), ["RUN_STARTED", "RUN_FINISHED"])
      strictEqual(
        yield* TestRuns.verdictOf(runs.complete(unknownRun, { status: "completed" })),
        "RunNotFound",
      )
    }),
  )

  test(
    "a former holder can neither complete nor record a session",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const former = yield* TestRuns.hold(worker)
      const refused = Effect.gen(function* () {
        strictEqual(yield* TestRuns.verdictOf(TestRuns.complete(former)), "LeaseLost")
        const session = runs.recordSession(TestRuns.leaseOf(former), { sessionKey: "stale" })
        strictEqual(yield* TestRuns.verdictOf(session), "LeaseLost")
      })
      yield* TestRuns.lapse
      yield* refused
      const current = yield* TestRuns.claimOne(worker)
      yield* refused
      strictEqual(current.session, null)
      strictEqual((yield* TestRuns.complete(current)).completed, true)
      yield* refused
    }),
  )

  test(
    "a worker whose lease lapsed before the run ended was not its last holder",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const former = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      const lease = TestRuns.leaseOf(former)
      yield* TestRuns.lapse
      yield* TestRuns.eventually(TestRuns.getRun(former.runId), ({ status }) => status === "failed")
      strictEqual(yield* TestRuns.verdictOf(TestRuns.complete(former)), "LeaseLost")
      strictEqual(yield* TestRuns.verdictOf(runs.recordSession(lease, { sessionKey: "s" })), "LeaseLost")
    }),
  )

  test(
    "recordSession stores one session per run, which later attempts receive",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register("worker-1", "special")
      const claimed = yield* TestRuns.hold(worker)
      const lease = TestRuns.leaseOf(claimed)
      const first = yield* runs.recordSession(lease, { sessionKey: "s-1", metadata: { path: "/tmp" } })
      strictEqual(first.runId, claimed.runId)
      strictEqual(first.implementationKind, "special")
      strictEqual(first.workerId, worker)
      strictEqual(first.status, "active")
      strictEqual(first.endedAt, null)
      const second = yield* runs.recordSession(lease, { sessionKey: "s-2", status: "completed" })
      strictEqual(second.id, first.id)
      strictEqual(second.sessionKey, "s-2")
      strictEqual(second.status, "completed")
      deepStrictEqual(second.metadata, { path: "/tmp" })
      assertTrue(second.endedAt !== null)
      yield* TestRuns.lapse
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.session?.sessionKey, "s-2")
      strictEqual(again.session?.id, first.id)
    }),
  )

  test(
    "recordSession refuses a run that has ended or does not exist",
    Effect.gen(function* () {
      const runs = yield* Runs
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const lease = TestRuns.leaseOf(claimed)
      yield* runs.cancel(claimed.runId)
      strictEqual(yield* TestRuns.verdictOf(runs.recordSession(lease, { sessionKey: "s" })), "RunEnded")
      const unknown = { ...lease, runId: unknownRun }
      strictEqual(yield* TestRuns.verdictOf(runs.recordSession(unknown, { sessionKey: "s" })), "RunNotFound")
    }),
  )
}
