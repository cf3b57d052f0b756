/** Runs suite: a submission that becomes a message to the run of its lane. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { maxEventBytes } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { submit, textsTo } from "./Multitask.js"

const message = (role: string, text: string) => ({
  id: text,
  role,
  parts: [RequestSnapshot.textPart(text)],
})

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a submission that steers becomes a message with the user's last text, to the first run of its lane",
    Effect.gen(function* () {
      const runs = yield* Runs
      const conversations = yield* Conversations
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const { conversationId, runId } = claimed
      yield* TestRuns.submit({ conversationId })
      const messages = [
        message("user", "Hello"),
        message("assistant", "What for?"),
        message("user", "Shorter"),
        message("user", "And colder"),
      ]
      const snapshot = { ...RequestSnapshot.empty, messages }
      const { duplicate, run, steered } = yield* submit("steer", {
        conversationId,
        snapshot,
        agentId: "other",
      })
      deepStrictEqual([run.runId, duplicate, steered], [runId, false, true])
      deepStrictEqual(yield* textsTo(runId), ["Shorter", "And colder"])
      const { items } = yield* conversations.messages(conversationId)
      deepStrictEqual(
        items.map(({ parts, role }) => [role, parts[0]?.["text"]]),
        [
          ["user", "Shorter"],
          ["user", "And colder"],
        ],
      )
      strictEqual((yield* runs.list({ conversationId })).items.length, 2)
    }),
  )

  test(
    "a submission that steers and finds no run is one",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { conversationId, ...claimed } = yield* TestRuns.hold(worker)
      yield* TestRuns.complete({ ...claimed, conversationId })
      const steering = submit("steer", { conversationId, publicId: "steers" })
      const first = yield* steering
      deepStrictEqual([first.run.runId, first.steered], ["steers", false])
      const second = yield* steering
      deepStrictEqual([second.run.runId, second.duplicate, second.steered], ["steers", true, false])
      deepStrictEqual(yield* textsTo(first.run.runId), [])
    }),
  )

  test(
    "a submission that has steered is a duplicate under its public id, which names the run, also after its end",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { conversationId, runId } = claimed
      const steering = submit("steer", { conversationId, publicId: "steers" })
      const answers = yield* Effect.all([steering, steering], { concurrency: "unbounded" })
      deepStrictEqual(answers.map(({ duplicate }) => duplicate).toSorted(), [false, true])
      yield* TestRuns.complete(claimed)
      const again = yield* steering
      deepStrictEqual([again.run.runId, again.duplicate, again.steered], [runId, true, true])
      strictEqual(again.run.status, "completed")
      deepStrictEqual(yield* textsTo(runId), ["Shorter"])
      strictEqual((yield* runs.get(Ids.RunId.make("steers"))).runId, runId)
      // The run did not go on with it.
      deepStrictEqual(yield* runs.inputs(runId), [])
      for (const other of [{ agentId: "other" }, { snapshot: RequestSnapshot.fromText("Longer") }]) {
        const conflicting = submit("steer", { conversationId, publicId: "steers", ...other })
        strictEqual(yield* TestRuns.verdictOf(conflicting), "SubmissionConflict")
      }
      const plain = submit("enqueue", { conversationId, publicId: "steers" })
      strictEqual(yield* TestRuns.verdictOf(plain), "SubmissionConflict")
    }),
  )

  test(
    "a submission without a public id steers each time",
    Effect.gen(function* () {
      const { conversationId, runId } = yield* TestRuns.hold(yield* TestRuns.register())
      yield* submit("steer", { conversationId })
      yield* submit("steer", { conversationId })
      deepStrictEqual(yield* textsTo(runId), ["Shorter", "Shorter"])
    }),
  )

  test(
    "a submission that steers ends the wait for a message",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(claimed), { inbox: 0 })
      const { run } = yield* submit("steer", { conversationId: claimed.conversationId })
      strictEqual(run.status, "pending")
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.inbox], [claimed.runId, 1])
    }),
  )

  test(
    "a submission that steers has a text, and no more than a run takes, or no message is sent",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { conversationId, runId } = yield* TestRuns.hold(yield* TestRuns.register())
      const agent = { ...RequestSnapshot.empty, messages: [message("assistant", "Done")] }
      for (const snapshot of [RequestSnapshot.empty, agent]) {
        const silent = yield* Effect.flip(submit("steer", { conversationId, snapshot }))
        deepStrictEqual([silent._tag, "field" in silent && silent.field], ["InvalidSubmission", "snapshot"])
      }
      const messages = [message("user", "Shorter"), message("user", "x".repeat(maxEventBytes))]
      const snapshot = { ...RequestSnapshot.empty, messages }
      const large = yield* Effect.flip(submit("steer", { conversationId, snapshot }))
      deepStrictEqual([large._tag, "runId" in large && large.runId], ["MessageRefused", runId])
      deepStrictEqual(yield* textsTo(runId), [])
      strictEqual((yield* runs.list({ conversationId })).items.length, 1)
    }),
  )
}
