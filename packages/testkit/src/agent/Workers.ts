/**
 * Tests of workers with several agents.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor } from "@runlease/core"
import { Cause, DateTime, Effect, Exit, Layer } from "effect"
import { type Declare, run, submit } from "../TestWorker.js"
import { textsOf } from "../worker/StepRuns.js"
import { Chat, chat, ended, Review, review, settled, start } from "./Agents.js"

const others = Executor.layerFrom(({ agentId }) => Effect.succeed(`I am ${agentId}`))

export const tests = (test: Declare): void => {
  test.describe("a worker with several agents", () => {
    test(
      "passes each its runs, and all others to an executor without types",
      Effect.gen(function* () {
        yield* start(Layer.mergeAll(review, chat, others))
        const { runId } = yield* submit({ agentId: "other" })
        deepStrictEqual(yield* settled(Review.execute({ repository: "a", pull: 3 })), {
          approved: true,
          at: DateTime.unsafeMake(3),
        })
        strictEqual(yield* settled(Chat.execute("hello")), "You wrote: hello")
        yield* ended(runId)
        deepStrictEqual(yield* textsOf(runId), ["I am other"])
      }),
    )

    test.onEachStore(
      "claims runs of its agents alone",
      Effect.gen(function* () {
        const { runId } = yield* submit({ agentId: "other" })
        yield* start(Layer.mergeAll(review, chat))
        strictEqual(yield* settled(Chat.execute("hello")), "You wrote: hello")
        yield* settled(Review.execute({ repository: "a", pull: 3 }))
        strictEqual((yield* run(runId)).status, "pending")
      }),
    )

    test(
      "claims runs of those alone that its options name",
      Effect.gen(function* () {
        const { run: waiting } = yield* Review.submit({ repository: "a", pull: 3 })
        yield* start(Layer.mergeAll(review, chat), { agentIds: ["chat"] })
        strictEqual(yield* settled(Chat.execute("hello")), "You wrote: hello")
        strictEqual((yield* run(waiting.runId)).status, "pending")
      }),
    )

    test(
      "does not start where its options name an agent that it does not have",
      Effect.gen(function* () {
        const exit = yield* Effect.exit(start(Layer.mergeAll(review, chat), { agentIds: ["chat", "chart"] }))
        assertTrue(Exit.isFailure(exit))
        strictEqual(
          Cause.pretty(exit.cause).split("\n")[0],
          "RuntimeException: The worker has no executor for agent chart; it has review, chat. Provide the Layer of each agent in agentIds, or leave agentIds out",
        )
      }),
    )
  })
}
