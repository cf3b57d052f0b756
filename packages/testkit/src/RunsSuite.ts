/**
 * What every `Runs` must do: accept once, tell, end once, and carry a wait to its answer.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer } from "effect"
import * as SubmitSuite from "./SubmitSuite.js"
import * as TestRuns from "./TestRuns.js"

const unknownRun = Ids.RunId.make("unknown")

/** Claims a new run and suspends it for call `call`. */
const suspended = (worker: Ids.WorkerId) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const held = yield* TestRuns.hold(worker, { snapshot: RequestSnapshot.fromText("Ask me") })
    yield* leases.suspend(TestRuns.leaseOf(held), TestRuns.forToolCall())
    return held
  })

/**
 * Declares the tests of `Runs`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Runs (${name})`, () => {
    test(
      "cancel ends a pending, a running and a waiting run at once, and closes the log",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const waiting = yield* suspended(worker)
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
      "cancel changes nothing on a run that has ended",
      Effect.gen(function* () {
        const runs = yield* Runs
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.complete(held)
        const answer = yield* runs.cancel(held.runId)
        strictEqual(answer.cancelled, false)
        strictEqual(answer.run.status, "completed")
      }),
    )

    test(
      "complete keeps the outcome and closes the log",
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
      "outcomes that come together keep the result and the metadata that each tells, and the log tells them",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const told = [
          { metadata: { tokens: 1 } },
          { result: { answer: [42] } },
          { metadata: { tokens: 2 }, result: "text" },
          {},
          { metadata: { large: "m".repeat(250_000) }, result: false },
        ]
        const held = yield* Effect.forEach(told, () => TestRuns.hold(worker))
        yield* Effect.forEach(
          held,
          ({ runId }, index) => runs.complete(runId, { status: "completed", ...told[index] }),
          { concurrency: "unbounded" },
        )
        for (const [index, { conversationId, runId }] of held.entries()) {
          const { metadata, result } = yield* runs.get(runId)
          deepStrictEqual({ metadata, result }, { metadata: null, result: null, ...told[index] })
          deepStrictEqual((yield* TestRuns.eventsOf(runId)).at(-1), {
            type: "RUN_FINISHED",
            threadId: conversationId,
            runId,
            outcome: { type: "success" },
            // What an event cannot hold is told by the run alone.
            ...(index === 4 ? {} : told[index]),
          })
        }
      }),
    )

    test(
      "complete takes the first outcome; a later one, even the holder's own, changes nothing",
      Effect.gen(function* () {
        const runs = yield* Runs
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const fence = TestRuns.leaseOf(held)
        yield* runs.complete(held.runId, { status: "completed" }, fence)
        const length = (yield* TestRuns.eventsOf(held.runId)).length
        for (const by of [fence, undefined]) {
          const error = { code: null, message: "Late" }
          const answer = yield* runs.complete(
            held.runId,
            { status: "failed", error, metadata: { late: true } },
            by,
          )
          strictEqual(answer.completed, false)
          strictEqual(answer.run.status, "completed")
        }
        const run = yield* runs.get(held.runId)
        strictEqual(run.error, null)
        strictEqual(run.metadata, null)
        strictEqual((yield* TestRuns.eventsOf(held.runId)).length, length)
      }),
    )

    test(
      "complete by the holder of a run that was cancelled says that it had ended",
      Effect.gen(function* () {
        const runs = yield* Runs
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* runs.cancel(held.runId)
        const answer = yield* TestRuns.complete(held)
        strictEqual(answer.completed, false)
        strictEqual(answer.run.status, "cancelled")
      }),
    )

    test(
      "complete without a fence is trusted",
      Effect.gen(function* () {
        const runs = yield* Runs
        const driven = yield* TestRuns.submit({ initialStatus: "running" })
        const pending = yield* TestRuns.submit()
        const held = yield* TestRuns.hold(yield* TestRuns.register(), { priority: 1 })
        for (const { runId } of [driven, pending, held]) {
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
      "whose lease lapsed did not hold the run when it ended",
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
      "recordSession keeps one session per run, for the attempts to come",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register("worker-1", "special")
        const held = yield* TestRuns.hold(worker)
        const lease = TestRuns.leaseOf(held)
        const first = yield* runs.recordSession(lease, { sessionKey: "s-1", metadata: { path: "/tmp" } })
        strictEqual(first.runId, held.runId)
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
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const lease = TestRuns.leaseOf(held)
        yield* runs.cancel(held.runId)
        strictEqual(yield* TestRuns.verdictOf(runs.recordSession(lease, { sessionKey: "s" })), "RunEnded")
        const unknown = { ...lease, runId: unknownRun }
        strictEqual(
          yield* TestRuns.verdictOf(runs.recordSession(unknown, { sessionKey: "s" })),
          "RunNotFound",
        )
      }),
    )

    test(
      "snapshot gives what the next claim gives, with the answers so far",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const asked = { ...RequestSnapshot.fromText("Ask me"), state: { open: [1, null] } }
        const submitted = yield* TestRuns.submit({ snapshot: asked })
        deepStrictEqual(yield* runs.snapshot(submitted.runId), asked)
        const held = yield* TestRuns.claimOne(worker)
        yield* Effect.flatMap(Leases, (leases) =>
          leases.suspend(TestRuns.leaseOf(held), TestRuns.forToolCall()),
        )
        deepStrictEqual(yield* runs.snapshot(held.runId), asked)
        yield* runs.resume(held.runId, TestRuns.resultOf("call", { found: true }))
        const answered = yield* runs.snapshot(held.runId)
        strictEqual(answered.messages.length, 2)
        const again = yield* TestRuns.claimOne(worker)
        deepStrictEqual(again.snapshot, answered)
        yield* TestRuns.complete(again)
        deepStrictEqual(yield* runs.snapshot(held.runId), answered)
        strictEqual(yield* TestRuns.verdictOf(runs.snapshot(unknownRun)), "RunNotFound")
      }),
    )

    test(
      "resume makes the run runnable with the answer in its snapshot, and attempts count anew",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* suspended(worker)
        const answer = yield* runs.resume(held.runId, TestRuns.resultOf("call", { ok: [1] }))
        strictEqual(answer.duplicate, false)
        strictEqual(answer.run.status, "pending")
        strictEqual(answer.run.waiting, null)
        const again = yield* TestRuns.claimOne(worker)
        strictEqual(again.runId, held.runId)
        strictEqual(again.attempt, 1)
        strictEqual(again.leaseEpoch, 2)
        strictEqual(again.snapshot.messages.length, 2)
        const message = again.snapshot.messages[1]
        strictEqual(message?.role, "tool")
        deepStrictEqual(message?.parts, [{ type: "tool_result", toolCallId: "call", result: { ok: [1] } }])
        deepStrictEqual(yield* TestRuns.typesOf(held.runId), ["RUN_STARTED", "RUN_FINISHED", "RUN_STARTED"])
        yield* TestRuns.complete(again)
        strictEqual((yield* runs.get(held.runId)).status, "completed")
      }),
    )

    test(
      "resume keeps that the call failed",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* suspended(worker)
        yield* runs.resume(held.runId, TestRuns.resultOf("call", "No such file", true))
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
        const held = yield* suspended(worker)
        const answer = TestRuns.resultOf("call", { yes: true })
        const refusalOf = (toolCallId: string, result: unknown) =>
          TestRuns.verdictOf(runs.resume(held.runId, TestRuns.resultOf(toolCallId, result)))
        strictEqual(yield* refusalOf("other", 1), "NotWaiting")
        yield* runs.resume(held.runId, answer)
        strictEqual((yield* runs.resume(held.runId, answer)).duplicate, true)
        strictEqual(yield* refusalOf("call", { yes: false }), "NotWaiting")
        strictEqual(yield* refusalOf("other", 1), "NotWaiting")
        const again = yield* TestRuns.claimOne(worker)
        strictEqual(again.snapshot.messages.length, 2)
        yield* TestRuns.complete(again)
        strictEqual((yield* runs.resume(held.runId, answer)).duplicate, true)
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
        const held = yield* suspended(worker)
        yield* runs.resume(held.runId, TestRuns.resultOf("call", 1))
        const again = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(again), TestRuns.forToolCall("call-2", "ask"))
        yield* runs.resume(held.runId, TestRuns.resultOf("call-2", 2))
        const third = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          third.snapshot.messages.slice(1).map((message) => message.parts[0]?.["toolCallId"]),
          ["call", "call-2"],
        )
      }),
    )
  })

  SubmitSuite.suite(name, layer)
}
