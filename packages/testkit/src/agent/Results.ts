/** Tests of how runs of an agent end: values that do not fit, those of Streams, schemas that change, and failures. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Executor, Ids, Runs, Step } from "@runlease/core"
import { Effect, Exit, Layer, ParseResult, Ref, Schema, Scope, Stream, TestClock } from "effect"
import { type Declare, makeEndless, run, untilSuspended } from "../TestWorker.js"
import { textsOf } from "../worker/StepRuns.js"
import { canary, Chat, ended, Review, review, settled, start, TooLarge } from "./Agents.js"

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

  test.describe("a failure of an agent", () => {
    test.onEachStore(
      "that it declares is caught by its tag, with its fields, and no text has them",
      Effect.gen(function* () {
        yield* start(review)
        const { run } = yield* Review.submit({ repository: canary, pull: 101 })
        const caught = yield* settled(
          Review.await(run.runId).pipe(Effect.catchTag("TooLarge", (error) => Effect.succeed(error))),
        )
        assertTrue(caught instanceof TooLarge)
        deepStrictEqual([caught.files, caught.names], [101, [canary]])
        deepStrictEqual((yield* ended(run.runId)).error, {
          code: "TooLarge",
          message: "Agent review has failed with TooLarge",
          detail: { _tag: "TooLarge", files: 101, names: [canary] },
        })
      }),
    )

    test(
      "has the message that its author has written",
      Effect.gen(function* () {
        yield* start(review)
        const { run } = yield* Review.submit({ repository: canary, pull: -1 })
        const error = yield* settled(Effect.flip(Review.await(run.runId)))
        deepStrictEqual([error._tag, error.message], ["Closed", "The pull request is closed"])
        strictEqual((yield* ended(run.runId)).error?.message, "The pull request is closed")
      }),
    )

    test(
      "that it does not declare, and a defect, are those of a run",
      Effect.gen(function* () {
        yield* start(review)
        const error = yield* settled(Effect.flip(Review.execute({ repository: "a", pull: 0 })))
        assertTrue(error._tag === "RunFailed")
        deepStrictEqual(
          [error.agentId, error.status, error.error?.code],
          ["review", "failed", "executor_defect"],
        )
      }),
    )

    test(
      "is none for a run that was cancelled, which has no value either",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const endless = yield* makeEndless
        yield* start(Chat.toLayer((_text, run) => endless.execute(run)))
        const { run } = yield* Chat.submit("wait")
        yield* endless.started
        yield* runs.cancel(run.runId)
        const error = yield* settled(Effect.flip(Chat.await(run.runId)))
        assertTrue(error._tag === "RunFailed")
        strictEqual(error.status, "cancelled")
      }),
    )

    test(
      "that is too large fails the run with its size, and without a value",
      Effect.gen(function* () {
        yield* start(
          Review.toLayer(() =>
            Effect.fail(new TooLarge({ files: 1, names: Array.from({ length: 2_000 }, () => canary) })),
          ),
        )
        const error = yield* settled(Effect.flip(Review.execute({ repository: "a", pull: 1 })))
        assertTrue(error._tag === "RunFailed")
        const { code, message } = error.error!
        deepStrictEqual(
          [code, message],
          [
            "failure_too_large",
            "The failure TooLarge of agent review is 30039 bytes of JSON; it may have 16384",
          ],
        )
      }),
    )

    test(
      "that does not fit its schema names the place",
      Effect.gen(function* () {
        const Even = Schema.transformOrFail(Schema.Literal("even"), Schema.String, {
          decode: Effect.succeed,
          encode: (text, _options, ast) =>
            text === "even" ? Effect.succeed("even" as const) : Effect.fail(new ParseResult.Type(ast, text)),
        })
        const Odd = Agent.make({
          name: "odd",
          error: Schema.TaggedStruct("Odd", { number: Even }),
        })
        yield* start(Odd.toLayer(() => Effect.fail({ _tag: "Odd", number: canary })))
        const error = yield* settled(Effect.flip(Odd.execute("go")))
        assertTrue(error._tag === "RunFailed")
        strictEqual(error.error?.code, "invalid_failure")
        assertTrue(error.message.includes("The failure Odd of agent odd does not fit: `number` is no"))
        assertTrue(!error.message.includes(canary))
      }),
    )

    test(
      "of an executor keeps its meaning for the worker, also where it fits the schema of the agent's",
      Effect.gen(function* () {
        const attempts = yield* Ref.make(0)
        const Loose = Agent.make({ name: "loose", error: Schema.Struct({ message: Schema.String }) })
        yield* start(
          Loose.toLayer(() =>
            Effect.flatMap(
              Ref.updateAndGet(attempts, (n) => n + 1),
              (n) => (n < 3 ? Executor.retryableError("busy", "again") : Effect.succeed(`attempt ${n}`)),
            ),
          ),
          { retryDelay: () => 0 },
        )
        strictEqual(yield* settled(Loose.execute("go")), "attempt 3")
      }),
    )
  })
}
