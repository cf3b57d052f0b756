/**
 * Tests of agents as children.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Child, Runs } from "@runlease/core"
import { Effect, Either, Layer, Schema } from "effect"
import { type Declare, makeEndless } from "../TestWorker.js"
import { canary, Chat, chat, Review, review, settled, start } from "./Agents.js"

const Parent = Agent.make({ name: "parent", success: Schema.Unknown })

const endless = Agent.make({ name: "endless" })

export const tests = (test: Declare): void => {
  test.describe("children that are agents", () => {
    test.onEachStore(
      "give their values and their declared failures to the run that joins them",
      Effect.gen(function* () {
        const parent = Parent.toLayer(() =>
          Effect.gen(function* () {
            const good = yield* Child.spawn("good", Review, { repository: "a", pull: 1 })
            const large = yield* Child.spawn("large", Review, { repository: canary, pull: 101 })
            const defect = yield* Child.spawn("defect", Review, { repository: canary, pull: 0 })
            const { approved } = yield* Child.join(good)
            const files = yield* Child.join(large).pipe(
              Effect.as(0),
              Effect.catchTag("TooLarge", (error) => Effect.succeed(error.files)),
            )
            const failed = yield* Effect.flip(Child.join(defect))
            return [approved, files, failed._tag, failed.message.includes(canary)]
          }),
        )
        yield* start(Layer.mergeAll(parent, review))
        deepStrictEqual(yield* settled(Parent.execute("go")), [true, 101, "RunFailed", false])
      }),
    )

    test(
      "of several agents are joined together, each with its own value",
      Effect.gen(function* () {
        const parent = Parent.toLayer(() =>
          Effect.gen(function* () {
            const reviews = yield* Child.spawnAll("review", Review, [
              { repository: "a", pull: 1 },
              { repository: "b", pull: 101 },
            ])
            const talk = yield* Child.spawn("talk", Chat, "hello")
            const [text, ...outcomes] = yield* Child.joinAll([talk, ...reviews])
            return [
              Either.getOrThrow(text),
              ...outcomes.map(
                Either.match({ onLeft: ({ _tag }) => _tag, onRight: ({ approved }) => approved }),
              ),
            ]
          }),
        )
        yield* start(Layer.mergeAll(parent, review, chat))
        deepStrictEqual(yield* settled(Parent.execute("go")), ["You wrote: hello", true, "TooLarge"])
      }),
    )

    test(
      "of several agents race, and the first to end has the value",
      Effect.gen(function* () {
        const { execute } = yield* makeEndless
        const parent = Parent.toLayer(() =>
          Effect.gen(function* () {
            const slow = yield* Child.spawn("slow", endless, "go")
            const fast = yield* Child.spawn("fast", Review, { repository: "a", pull: 1 })
            const [child, outcome] = yield* Child.joinFirst("race", [slow, fast])
            return [child.runId === fast.runId, Either.isRight(outcome)]
          }),
        )
        yield* start(
          Layer.mergeAll(
            parent,
            review,
            endless.toLayer((_text, run) => execute(run)),
          ),
        )
        deepStrictEqual(yield* settled(Parent.execute("go")), [true, true])
      }),
    )

    test(
      "are not spawned where the payload does not fit",
      Effect.gen(function* () {
        const parent = Parent.toLayer(() =>
          Effect.map(Effect.flip(Child.spawn("bad", Review, { repository: canary, pull: 1.5 })), (error) => [
            error._tag,
            error.message,
          ]),
        )
        yield* start(Layer.mergeAll(parent, review))
        const { run } = yield* Parent.submit("go")
        deepStrictEqual(yield* settled(Parent.await(run.runId)), [
          "InvalidSubmission",
          "The payload of agent review does not fit: `pull` is no integer",
        ])
        const children = yield* (yield* Runs.Runs).list({ parentRunId: run.runId })
        strictEqual(children.items.length, 0)
      }),
    )
  })
}
