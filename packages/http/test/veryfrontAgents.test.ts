import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Conversations, Executor, RequestSnapshot, Runs, Worker } from "@runlease/core"
import { DateTime, Effect, Layer, Schema } from "effect"
import type { Requested } from "./plain.js"
import { test } from "./published.js"

class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { files: Schema.Int }) {}

const Review = Agent.make({
  name: "review",
  payload: { repository: Schema.String, pull: Schema.Int },
  success: Schema.Struct({ approved: Schema.Boolean, at: Schema.DateTimeUtc }),
  error: TooLarge,
})

const Chat = Agent.make({ name: "chat" })

const agents = Layer.mergeAll(
  Review.toLayer(({ pull }) =>
    pull > 100
      ? new TooLarge({ files: pull })
      : Effect.succeed({ approved: true, at: DateTime.unsafeMake(pull) }),
  ),
  Chat.toLayer((text) => Effect.succeed(`You wrote: ${text}`)),
  // The API has no claims by agent, so the worker needs an executor for any agent.
  Executor.layerFrom((run) => Effect.dieMessage(`There is no agent ${run.agentId}`)),
)

const start = Worker.make({ leaseDuration: "5 seconds", pollInterval: "50 millis", drainTimeout: 0 }).pipe(
  Effect.provide(agents),
)

const posted = (requests: ReadonlyArray<Requested>, path: RegExp) =>
  requests.filter(({ method, url }) => method === "POST" && path.test(url)).length

describe("agents with types over the public API alone", () => {
  test("give their values, and fail by the tags that they declare", () =>
    Effect.gen(function* () {
      yield* start
      deepStrictEqual(yield* Review.execute({ repository: "runlease", pull: 7 }), {
        approved: true,
        at: DateTime.unsafeMake(7),
      })
      const files = yield* Review.execute({ repository: "runlease", pull: 101 }).pipe(
        Effect.as(0),
        Effect.catchTag("TooLarge", (error) => Effect.succeed(error.files)),
      )
      strictEqual(files, 101)
      strictEqual(yield* Chat.execute("hello"), "You wrote: hello")
    }))

  test("show the value as the result of the run, and no key of it in the metadata", () =>
    Effect.gen(function* () {
      yield* start
      const { run } = yield* Review.submit({ repository: "runlease", pull: 7 })
      yield* Review.await(run.runId)
      const { metadata, result } = yield* (yield* Runs.Runs).get(run.runId)
      deepStrictEqual([metadata, result], [null, { approved: true, at: "1970-01-01T00:00:00.007Z" }])
    }))

  test("have one run and one conversation for a public id, with the payload as a message", (requests) =>
    Effect.gen(function* () {
      const payload = { repository: "runlease", pull: 7 }
      const first = yield* Review.submit(payload, { publicId: "review-7" })
      const second = yield* Review.submit(payload, { publicId: "review-7" })
      strictEqual(first.run.runId, "review-7")
      deepStrictEqual([second.run.runId, second.run.conversationId], ["review-7", first.run.conversationId])
      deepStrictEqual([first.duplicate, second.duplicate], [false, true])
      strictEqual(posted(requests, /^\/conversations$/), 1)
      const conversations = yield* Conversations.Conversations
      const { items } = yield* conversations.messages(first.run.conversationId)
      deepStrictEqual(
        items.map(({ parts, role }) => [role, parts]),
        [["user", [RequestSnapshot.textPart(JSON.stringify(payload))]]],
      )
      const conflict = yield* Effect.flip(Review.submit({ ...payload, pull: 8 }, { publicId: "review-7" }))
      strictEqual(conflict._tag, "SubmissionConflict")
    }))

  test("are refused what a conversation cannot say, before anything is sent", (requests) =>
    Effect.gen(function* () {
      const snapshot = { ...RequestSnapshot.empty, tools: [{ name: "look" }] }
      yield* Effect.flatMap(Conversations.Conversations, (conversations) => conversations.create())
      const before = requests.length
      const refused = yield* Effect.flip(Review.submit({ repository: "runlease", pull: 7 }, { snapshot }))
      strictEqual(refused._tag, "ControlPlaneUnsupported")
      assertTrue(refused.message.includes("more than an input and messages of the user"))
      strictEqual(requests.length, before)
    }))
})
