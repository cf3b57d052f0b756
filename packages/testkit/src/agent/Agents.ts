/**
 * The agents of the suite, and what its tests share.
 */
import { Agent, type Executor, type Run, Runs, Worker, type WorkerOptions } from "@runlease/core"
import { DateTime, Effect, type Layer, Schema } from "effect"
import * as TestRuns from "../TestRuns.js"
import { lease } from "../TestWorker.js"

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
