/**
 * Tests of how runs of an agent fail.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Executor, Runs } from "@runlease/core"
import { Effect, ParseResult, Ref, Schema } from "effect"
import { type Declare, makeEndless } from "../TestWorker.js"
import { canary, Chat, ended, Review, review, settled, start, TooLarge } from "./Agents.js"

export const tests = (test: Declare): void => {
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
