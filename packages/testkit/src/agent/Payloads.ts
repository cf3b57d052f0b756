/**
 * Tests of payloads, at the submitter and at the worker.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, RequestSnapshot, type Run } from "@runlease/core"
import { DateTime, Effect, Schema } from "effect"
import { type Declare, submit } from "../TestWorker.js"
import { canary, count, ended, Review, review, settled, start } from "./Agents.js"

/** The error of a submission. */
const refused = (payload: unknown) =>
  Effect.flip(Review.submit(payload as Parameters<typeof Review.submit>[0]))

/** The message of a run that has failed by its payload. */
const failed = (runId: Run.Run["runId"]) =>
  Effect.gen(function* () {
    const { error, status } = yield* ended(runId)
    deepStrictEqual([status, error?.code], ["failed", "invalid_payload"])
    return error?.message
  })

export const tests = (test: Declare): void => {
  test.describe("a payload", () => {
    test(
      "that does not fit is refused by the submission and by the worker with the same words, and no value",
      Effect.gen(function* () {
        const wrong: ReadonlyArray<readonly [payload: unknown, problem: string]> = [
          [{ repository: canary, pull: 1.5 }, "`pull` is no integer"],
          [{ repository: canary, pull: canary }, "`pull` is no integer"],
          [{ repository: canary }, "`pull` is missing"],
          [canary, "it is no object"],
        ]
        const runs: Array<readonly [runId: Run.Run["runId"], message: string]> = []
        for (const [input, problem] of wrong) {
          const error = yield* refused(input)
          assertTrue(error._tag === "InvalidSubmission")
          const message = `The payload of agent review does not fit: ${problem}`
          deepStrictEqual([error.field, error.message], ["input", message])
          // No worker has announced the schema, so the control plane takes any payload.
          const { runId } = yield* submit({
            agentId: "review",
            snapshot: { ...RequestSnapshot.empty, input },
          })
          runs.push([runId, message])
        }
        strictEqual(yield* count, wrong.length)
        yield* start(review)
        for (const [runId, message] of runs) strictEqual(yield* failed(runId), message)
      }),
    )

    test(
      "that is no JSON is refused as well",
      Effect.gen(function* () {
        for (const input of [undefined, { repository: undefined, pull: 1 }, { repository: "a", pull: 1n }]) {
          const error = yield* refused(input)
          assertTrue(error._tag === "InvalidSubmission")
          assertTrue(error.message.startsWith("The payload of agent review does not fit: "))
        }
        strictEqual(yield* count, 0)
      }),
    )

    test(
      "whose JSON differs from its value is refused for what is wrong alone",
      Effect.gen(function* () {
        const Dated = Agent.make({ name: "dated", payload: { at: Schema.DateTimeUtc, pull: Schema.Int } })
        const error = yield* Effect.flip(Dated.submit({ at: DateTime.unsafeMake(0), pull: 1.5 }))
        strictEqual(error.message, "The payload of agent dated does not fit: `pull` is no Int")
      }),
    )

    test(
      "may be the text of a client that has nothing else",
      Effect.gen(function* () {
        yield* start(review)
        const text = JSON.stringify({ repository: "runlease", pull: 7 })
        const { runId } = yield* submit({ agentId: "review", snapshot: RequestSnapshot.fromText(text) })
        deepStrictEqual(yield* settled(Review.await(runId)), { approved: true, at: DateTime.unsafeMake(7) })
        for (const wrong of [canary, "null", `{"repository":"${canary}","pull":1.5}`]) {
          const submitted = yield* submit({ agentId: "review", snapshot: RequestSnapshot.fromText(wrong) })
          const message = yield* failed(submitted.runId)
          assertTrue(message?.startsWith("The payload of agent review does not fit: ") === true)
          assertTrue(!message.includes(canary))
        }
      }),
    )
  })
}
