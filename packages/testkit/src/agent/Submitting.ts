/** Tests of the runs of an agent as their submitters see them, and of payloads at the submitter and at the worker. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, AgentEvent, Emit, Ids, RequestSnapshot, type Run, Runs } from "@runlease/core"
import { DateTime, Deferred, Effect, Fiber, Ref, Schema, Stream } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, run, submit } from "../TestWorker.js"
import { canary, Chat, chat, count, ended, Review, review, settled, start } from "./Agents.js"

const payload = { repository: "runlease", pull: 12 }

const value = { approved: true, at: DateTime.unsafeMake(12) }

const encoded = { approved: true, at: "1970-01-01T00:00:00.012Z" }

export const tests = (test: Declare): void => {
  test.describe("a run of an agent", () => {
    test(
      "returns its value to its caller",
      Effect.gen(function* () {
        yield* start(review)
        deepStrictEqual(yield* settled(Review.execute(payload)), value)
      }),
    )

    test.onEachStore(
      "has its payload in its snapshot and its value in its result, as JSON",
      Effect.gen(function* () {
        const snapshots = yield* Ref.make<ReadonlyArray<unknown>>([])
        yield* start(
          Review.toLayer((_payload, { snapshot }) =>
            Effect.as(
              Ref.update(snapshots, (all) => [...all, snapshot.input]),
              value,
            ),
          ),
        )
        const { run: submitted } = yield* Review.submit(payload, { publicId: "review-1" })
        const { agentId, result, runId } = yield* ended(submitted.runId)
        deepStrictEqual([runId, agentId, result], ["review-1", "review", encoded])
        deepStrictEqual(yield* Ref.get(snapshots), [payload])
      }),
    )

    test(
      "has the title that the agent makes of its payload, else the first text of the payload",
      Effect.gen(function* () {
        const names = { name: "naming", payload: { customer: Schema.String, pull: Schema.Int } }
        const title = ({ customer, pull }: { readonly customer: string; readonly pull: number }) => {
          if (pull === 0) throw new Error("There is none")
          return `Pull ${pull} of ${customer}`
        }
        const agent = Agent.make({ ...names, title })
        const text = Agent.make({ name: "text", title: (topic) => `About ${topic}` })
        const titleOf = ({ run: { runId } }: Runs.Submitted) =>
          Effect.flatMap(Runs.Runs, (runs) => Effect.map(runs.snapshot(runId), RequestSnapshot.titleOf))
        deepStrictEqual(
          [
            yield* titleOf(yield* agent.submit({ customer: "Ada", pull: 12 })),
            yield* titleOf(yield* agent.submit({ customer: "Ada", pull: 0 })),
            yield* titleOf(yield* Agent.make(names).submit({ customer: "Ada", pull: 12 })),
            yield* titleOf(yield* text.submit("Oslo")),
          ],
          ["Pull 12 of Ada", "Ada", "Ada", "About Oslo"],
        )
      }),
    )

    test.onEachStore(
      "is submitted first, and awaited while it runs and after its end",
      Effect.gen(function* () {
        const { run: submitted } = yield* Review.submit(payload)
        yield* start(review)
        deepStrictEqual(yield* settled(Review.await(submitted.runId)), value)
        deepStrictEqual(yield* Review.await(submitted.runId), value)
      }),
    )

    test.onEachStore(
      "is followed: its events from the first, and then its value",
      Effect.gen(function* () {
        yield* start(review)
        const { run: submitted } = yield* Review.submit(payload)
        const followed = Array.from(yield* settled(Stream.runCollect(Review.follow(submitted.runId))))
        deepStrictEqual(
          followed.map((item) => (item._tag === "Event" ? item.event.type : item.value)),
          ["RUN_STARTED", "RUN_FINISHED", value],
        )
      }),
    )

    test(
      "is the same for the same public id",
      Effect.gen(function* () {
        const runs = yield* Ref.make(0)
        const Counter = Agent.make({ name: "counter", success: Schema.Int })
        yield* start(Counter.toLayer(() => Ref.updateAndGet(runs, (n) => n + 1)))
        const execute = settled(Counter.execute("count", { publicId: "once" }))
        deepStrictEqual([yield* execute, yield* execute, yield* Ref.get(runs)], [1, 1, 1])
      }),
    )

    test(
      "continues where the wait for it is interrupted",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        yield* start(
          Review.toLayer(() =>
            Deferred.succeed(started, undefined).pipe(
              Effect.zipRight(Deferred.await(gate)),
              Effect.as(value),
            ),
          ),
        )
        const waiting = yield* TestRuns.start(Review.execute(payload, { publicId: "long" }))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(waiting)
        const runId = Ids.RunId.make("long")
        strictEqual((yield* run(runId)).status, "running")
        yield* Deferred.succeed(gate, undefined)
        deepStrictEqual(yield* settled(Review.await(runId)), value)
      }),
    )

    test(
      "takes and returns text where its agent has no schemas",
      Effect.gen(function* () {
        yield* start(chat)
        strictEqual(yield* settled(Chat.execute("hello")), "You wrote: hello")
        const snapshot = RequestSnapshot.fromText("An earlier message")
        strictEqual(yield* settled(Chat.execute("and this", { snapshot })), "You wrote: and this")
        // As any client submits it.
        const { runId } = yield* submit({ agentId: "chat", snapshot: RequestSnapshot.fromText("hi") })
        strictEqual(yield* settled(Chat.await(runId)), "You wrote: hi")
      }),
    )

    test(
      "returns the last of the messages that it writes, and an empty text where it writes none",
      Effect.gen(function* () {
        yield* start(
          Chat.toLayer((text) =>
            text === "nothing"
              ? Effect.void
              : Emit.text("first").pipe(
                  Effect.zipRight(Emit.event(AgentEvent.custom("between", null))),
                  Effect.as("last"),
                ),
          ),
        )
        strictEqual(yield* settled(Chat.execute("two")), "last")
        strictEqual(yield* settled(Chat.execute("nothing")), "")
      }),
    )
  })

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
