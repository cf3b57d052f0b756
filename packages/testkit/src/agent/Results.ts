/**
 * Tests of the values of runs: those that do not fit, those of Streams, and schemas that change.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Ids, Step } from "@runlease/core"
import { Effect, Exit, Layer, Schema, Scope, Stream, TestClock } from "effect"
import { type Declare, run, untilSuspended } from "../TestWorker.js"
import { canary, Chat, ended, settled, start } from "./Agents.js"
import { textsOf } from "../worker/StepRuns.js"

const Notes = Agent.make({
  name: "notes",
  success: Schema.Struct({ notes: Schema.NonEmptyArray(Schema.String) }),
})
const Count = Agent.make({ name: "count", success: Schema.Int })

/** The code and message of the failure of a run that cannot give its value. */
const failureOf = <A, E>(agent: Agent.Agent<string, A, E>) =>
  Effect.gen(function* () {
    const { run: submitted } = yield* agent.submit("go")
    const { error } = yield* ended(submitted.runId)
    return [error?.code, error?.message]
  })

export const tests = (test: Declare): void => {
  test.describe("the value of a run", () => {
    test(
      "that does not fit fails the run with the place, and without the value",
      Effect.gen(function* () {
        yield* start(Notes.toLayer(() => Effect.succeed({ notes: [canary, 1] } as never)))
        deepStrictEqual(yield* failureOf(Notes), [
          "invalid_result",
          "The result of agent notes does not fit: `notes.1` is no string",
        ])
      }),
    )

    test(
      "that is too large fails the run with its size, by the name of the agent",
      Effect.gen(function* () {
        yield* start(Notes.toLayer(() => Effect.succeed({ notes: ["n".repeat(250_000)] as const })))
        const [code, message] = yield* failureOf(Notes)
        strictEqual(code, "event_too_large")
        assertTrue(
          /^The result of agent notes is 25\d{4} bytes of JSON; an event has room for \d+$/.test(message!),
        )
      }),
    )

    test(
      "may be nothing, or null",
      Effect.gen(function* () {
        const Nothing = Agent.make({ name: "nothing", success: Schema.Undefined })
        const Maybe = Agent.make({ name: "maybe", success: Schema.NullOr(Schema.Int) })
        yield* start(
          Nothing.toLayer(() => Effect.succeed(undefined)).pipe(
            Layer.merge(Maybe.toLayer(() => Effect.succeed(null))),
          ),
        )
        strictEqual(yield* settled(Nothing.execute("go")), undefined)
        strictEqual(yield* settled(Maybe.execute("go")), null)
      }),
    )

    test(
      "is the last element of a Stream, whose text is a message",
      Effect.gen(function* () {
        yield* start(Count.toLayer((text) => Stream.make("one, ", "two", Agent.result(Number(text)))))
        const { run: submitted } = yield* Count.submit("2")
        strictEqual(yield* settled(Count.await(submitted.runId)), 2)
        strictEqual((yield* textsOf(submitted.runId)).join(""), "one, two")
      }),
    )

    test(
      "is the last element of an async iterable",
      Effect.gen(function* () {
        yield* start(
          Count.toLayer(async function* (text) {
            yield "one"
            yield Agent.result(Number(text))
          }),
        )
        strictEqual(yield* settled(Count.execute("1")), 1)
      }),
    )

    test(
      "is missing where a Stream ends without one",
      Effect.gen(function* () {
        yield* start(Count.toLayer(() => Stream.make("one", "two")))
        deepStrictEqual(yield* failureOf(Count), [
          "no_result",
          "The stream of agent count has ended without a result: end it with Agent.result(value)",
        ])
      }),
    )
  })

  test.describe("a schema that has changed", () => {
    test(
      "makes the value of a run that has ended unreadable, with the place and without the value",
      Effect.gen(function* () {
        yield* start(Notes.toLayer(() => Effect.succeed({ notes: [canary] as const })))
        const { run: submitted } = yield* Notes.submit("go")
        yield* ended(submitted.runId)
        const Later = Agent.make({
          name: "notes",
          success: Schema.Struct({ notes: Schema.Array(Schema.Int) }),
        })
        const error = yield* settled(Effect.flip(Later.await(submitted.runId)))
        strictEqual(error._tag, "ResultUnreadable")
        strictEqual(
          error.message,
          `Run ${submitted.runId} has completed. The result of agent notes does not fit: \`notes.0\` is no number`,
        )
      }),
    )

    test(
      "fails a run that slept, whose payload it does not fit",
      Effect.gen(function* () {
        const before = Agent.make({ name: "sleeper", payload: { seconds: Schema.Int } })
        const after = Agent.make({ name: "sleeper", payload: { seconds: Schema.Int, zone: Schema.String } })
        const scope = yield* Scope.make()
        yield* Scope.extend(
          start(
            before.toLayer(({ seconds }) => Effect.as(Step.sleep("rest", `${seconds} seconds`), "rested")),
          ),
          scope,
        )
        const { run: submitted } = yield* before.submit({ seconds: 30 })
        yield* untilSuspended(submitted.runId)
        yield* Scope.close(scope, Exit.void)
        yield* start(after.toLayer(({ zone }) => Effect.succeed(zone)))
        yield* TestClock.adjust("30 seconds")
        const { error } = yield* ended(submitted.runId)
        deepStrictEqual(
          [error?.code, error?.message],
          ["invalid_payload", "The payload of agent sleeper does not fit: `zone` is missing"],
        )
      }),
    )

    test(
      "is not that of another agent, whose runs have no value of this one",
      Effect.gen(function* () {
        yield* start(Count.toLayer(() => Effect.succeed(1)))
        const { run: submitted } = yield* Count.submit("go")
        yield* ended(submitted.runId)
        const error = yield* settled(Effect.flip(Chat.await(submitted.runId)))
        strictEqual(error._tag, "ResultUnreadable")
        strictEqual(
          error.message,
          `Run ${submitted.runId} has completed. It is a run of agent count, not of chat`,
        )
        const missing = yield* Effect.flip(Chat.await(Ids.RunId.make("no-run")))
        strictEqual(missing._tag, "RunNotFound")
        strictEqual((yield* run(submitted.runId)).status, "completed")
      }),
    )
  })
}
