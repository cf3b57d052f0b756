/** The agents of the suite, and tests of workers and parents that have several. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Child, Executor, type Run, Runs, Worker, type WorkerOptions } from "@runlease/core"
import { Cause, DateTime, Effect, Either, Exit, Layer, Schema } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, lease, makeEndless, run, submit } from "../TestWorker.js"
import { textsOf } from "../worker/StepRuns.js"

/** A text in payloads, results and failures, which no text of an error may have. */
export const canary = "canary-5c1e7"

export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {
  files: Schema.Int,
  names: Schema.Array(Schema.String),
}) {}

export class Closed extends Schema.TaggedError<Closed>()("Closed", { message: Schema.String }) {}

/** Its value is not what its JSON is: `at` is a date. */
export const Review = Agent.make({
  name: "review",
  payload: { repository: Schema.String, pull: Schema.Int },
  success: Schema.Struct({ approved: Schema.Boolean, at: Schema.DateTimeUtc }),
  error: Schema.Union(TooLarge, Closed),
})

export const review = Review.toLayer(({ pull, repository }) => {
  if (pull > 100) return Effect.fail(new TooLarge({ files: pull, names: [repository] }))
  if (pull < 0) return Effect.fail(new Closed({ message: "The pull request is closed" }))
  if (pull === 0) return Effect.dieMessage("There is none")
  return Effect.succeed({ approved: true, at: DateTime.unsafeMake(pull) })
})

/** Takes and returns text. */
export const Chat = Agent.make({ name: "chat" })

export const chat = Chat.toLayer((text) => Effect.succeed(`You wrote: ${text}`))

/** Starts a worker with these agents in the test's Scope. */
export const start = <E>(
  agents: Layer.Layer<Executor.Executor, E>,
  options: WorkerOptions.WorkerOptions = {},
) => Effect.provide(Worker.make({ leaseDuration: lease, drainTimeout: 0, ...options }), agents)

/** The result of `effect` while the time passes. */
export const settled = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(TestRuns.start(effect), TestRuns.joinAdvancing)

/** Waits until the run has ended. */
export const ended = (runId: Run.Run["runId"]) =>
  TestRuns.eventually(TestRuns.getRun(runId), ({ finishedAt }) => finishedAt !== null)

/** How many runs there are. */
export const count = Effect.flatMap(Runs.Runs, (runs) =>
  Effect.map(runs.list({}), ({ items }) => items.length),
)

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

const Parent = Agent.make({ name: "parent", success: Schema.Unknown })

const endless = Agent.make({ name: "endless" })
