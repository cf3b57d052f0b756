/** Text that a database column cannot store, NUL and half of a surrogate pair, passes through every control plane. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import { Leases } from "@runlease/core/Leases"
import { fromText, textPart } from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"

/** Models emit half of a surrogate pair when tokens cut an emoji; programs emit NUL in binary output. */
export const strange = "cut \ud83d, \udfff and \u0000"

/** Declares the tests of such text in events, messages, answers, metadata, results and errors. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)
  const value = { [strange]: [strange], plain: "\\u0000 \\ud83d" }

  describe(`strange text (${name})`, () => {
    test(
      "in events is stored, recognised in a repeated append, and used when a dead attempt is closed",
      Effect.gen(function* () {
        const log = yield* RunLog
        const worker = yield* TestRuns.register()
        const claimed = yield* TestRuns.hold(worker)
        const events: ReadonlyArray<LogEvent> = [
          { type: strange, ...value },
          { type: "TEXT_MESSAGE_START", messageId: strange, role: "assistant" },
          { type: "TEXT_MESSAGE_CONTENT", messageId: strange, delta: strange },
        ]
        const request = {
          runId: claimed.runId,
          events,
          expectedSequence: claimed.latestSequence,
          fence: TestRuns.leaseOf(claimed),
        }
        yield* log.append(request)
        strictEqual((yield* log.append(request)).appendedCount, 0)
        deepStrictEqual((yield* TestRuns.eventsOf(claimed.runId)).slice(1), events)

        yield* TestRuns.lapse
        const next = yield* TestRuns.claimOne(worker)
        strictEqual(next.runId, claimed.runId)
        const closing = (yield* TestRuns.eventsOf(claimed.runId)).find(
          ({ type }) => type === "TEXT_MESSAGE_END",
        )
        strictEqual(closing?.["messageId"], strange)
      }),
    )

    test(
      "in a request, a message and an answer reaches the worker unchanged",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const conversations = yield* Conversations
        const worker = yield* TestRuns.register()
        const snapshot = { ...fromText(strange), context: [value] }
        const submission = TestRuns.submission({ publicId: "strange", snapshot, maxAttempts: 2 })
        strictEqual((yield* runs.submit(submission)).duplicate, false)
        strictEqual((yield* runs.submit(submission)).duplicate, true)
        const claimed = yield* TestRuns.claimOne(worker)
        deepStrictEqual(claimed.snapshot.messages[0]?.parts, [textPart(strange)])
        deepStrictEqual(claimed.snapshot.context, [value])

        yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall("call", strange))
        yield* runs.resume(claimed.runId, TestRuns.resultOf("call", value))
        const resumed = yield* TestRuns.claimOne(worker)
        deepStrictEqual(resumed.snapshot.resume?.[0]?.payload, value)

        const { id } = yield* conversations.create({ metadata: value })
        yield* conversations.addMessage(id, { role: "user", parts: [textPart(strange)], metadata: value })
        const [message] = (yield* conversations.messages(id)).items
        deepStrictEqual(message?.parts, [textPart(strange)])
        deepStrictEqual(message?.metadata, value)
        deepStrictEqual((yield* conversations.get(id)).metadata, value)
      }),
    )

    test(
      "in an outcome is stored unchanged",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const done = yield* TestRuns.hold(worker)
        yield* runs.complete(done.runId, { status: "completed", metadata: value, result: value })
        const completed = yield* runs.get(done.runId)
        deepStrictEqual(completed.metadata, value)
        deepStrictEqual(completed.result, value)
        const lost = yield* TestRuns.hold(worker)
        const error = { code: strange, message: strange }
        yield* runs.complete(lost.runId, { status: "failed", error })
        deepStrictEqual((yield* runs.get(lost.runId)).error, error)
      }),
    )
  })
}
