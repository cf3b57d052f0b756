/** Tests of steps in a transaction, over a user's database of any kind. */
import * as SqlClient from "@effect/sql/SqlClient"
import { layer } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  Executor,
  Ids,
  RequestSnapshot,
  RunLog,
  Runs,
  Step,
  StepDatabase,
  Worker,
} from "@runlease/core"
import { StepCodec } from "@runlease/core/executor"
import { MemoryControlPlane } from "@runlease/store"
import { ClaimedRuns } from "@runlease/testkit"
import { Deferred, Effect, Either, Fiber, Layer, Option, Ref, Schedule, Schema, Stream } from "effect"
import { TransactionalSteps } from "../src/index.js"

/** The table of the user. */
const accounts = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`CREATE TABLE IF NOT EXISTS entries (run text NOT NULL, amount integer NOT NULL)`,
)

export const post = (run: string, amount = 1) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`INSERT INTO entries (run, amount) VALUES (${run}, ${amount})`,
  )

export const postedBy = (run: string) =>
  Effect.map(
    Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql<{ amount: number }>`SELECT amount FROM entries WHERE run = ${run} ORDER BY amount`,
    ),
    (rows) => rows.map(({ amount }) => Number(amount)),
  )

const rowsOf = (run: string) =>
  Effect.map(
    Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql<{ result: string }>`SELECT result FROM runlease_steps WHERE run_id = ${run}`,
    ),
    (rows) => rows.map(({ result }) => result),
  )

/**
 * An attempt that finds no record of the ones before it, such as one whose worker died between the commit in the user's database and the
 * append to the log. It returns what `body` returns.
 */
export const attempt = <A, E, R>(run: string, body: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const value = yield* Deferred.make<A, E>()
    const execute = Executor.from(() => Effect.asVoid(Effect.exit(Effect.intoDeferred(body, value))))
    yield* Stream.runDrain(
      Executor.toStream(execute)(ClaimedRuns.make({ runId: Ids.RunId.make(run) })) as Stream.Stream<
        unknown,
        never,
        Exclude<R, Executor.RunContext>
      >,
    )
    return yield* Deferred.await(value)
  })

class Declined extends Schema.TaggedError<Declined>()("Declined", { why: Schema.String }) {}

type Database = Layer.Layer<SqlClient.SqlClient, unknown>

/** The user's database with its tables. */
export const withTables = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  Layer.provideMerge(Layer.merge(TransactionalSteps.layer, Layer.effectDiscard(accounts)), database)

/** `untilWaiting` lasts until a second transaction waits for the first. */
export const suite = (name: string, database: Database, untilWaiting: Effect.Effect<void>): void => {
  layer(withTables(database), { excludeTestServices: true })(`steps in a transaction of ${name}`, (it) => {
    it.effect("happen once, and a later attempt gets the result", () =>
      Effect.gen(function* () {
        const bodies = yield* Ref.make(0)
        const pay = Effect.zipRight(
          post("once"),
          Ref.updateAndGet(bodies, (n) => n + 1),
        )
        const results = yield* Effect.all([
          attempt("once", Step.transaction("pay", pay)),
          attempt("once", Step.transaction("pay", pay)),
          attempt("once", Step.transaction("pay", pay, { key: "other" })),
        ])
        deepStrictEqual([results, yield* postedBy("once"), yield* Ref.get(bodies)], [[1, 1, 2], [1, 1], 2])
        strictEqual((yield* rowsOf("once"))[0], '{"name":"pay","result":"1"}')
      }),
    )

    it.effect("have the result that their schema reads, also a Date and nothing", () =>
      Effect.gen(function* () {
        const dated = Step.transaction("date", Effect.succeed(new Date(0)), { schema: Schema.Date })
        const first = yield* attempt("schema", dated)
        const second = yield* attempt("schema", dated)
        deepStrictEqual([first.getTime(), second.getTime()], [0, 0])
        const nothing = Step.transaction("nothing", Effect.void)
        deepStrictEqual(
          [yield* attempt("schema", nothing), yield* attempt("schema", nothing)],
          [undefined, undefined],
        )
      }),
    )

    it.effect("write nothing when they fail, and run again", () =>
      Effect.gen(function* () {
        const failing = Step.transaction("pay", Effect.zipRight(post("failing"), Effect.fail("no")))
        strictEqual(yield* Effect.flip(attempt("failing", failing)), "no")
        deepStrictEqual([yield* postedBy("failing"), yield* rowsOf("failing")], [[], []])
        const dying = Step.transaction("pay", Effect.zipRight(post("failing"), Effect.die("broken")))
        strictEqual(yield* Effect.catchAllDefect(attempt("failing", dying), Effect.succeed), "broken")
        deepStrictEqual([yield* postedBy("failing"), yield* rowsOf("failing")], [[], []])
        yield* attempt("failing", Step.transaction("pay", post("failing", 7)))
        deepStrictEqual(yield* postedBy("failing"), [7])
      }),
    )

    it.effect("keep a failure that has a schema, without their writes", () =>
      Effect.gen(function* () {
        const bodies = yield* Ref.make(0)
        const decline = Ref.update(bodies, (n) => n + 1).pipe(
          Effect.zipRight(post("declined")),
          Effect.zipRight(new Declined({ why: "limit" })),
        )
        const declined = Step.transaction("pay", decline, { failure: Declined })
        const first = yield* Effect.flip(attempt("declined", declined))
        const second = yield* Effect.flip(attempt("declined", declined))
        deepStrictEqual([first._tag, second._tag, yield* Ref.get(bodies)], ["Declined", "Declined", 1])
        deepStrictEqual(yield* postedBy("declined"), [])
        deepStrictEqual(yield* rowsOf("declined"), [
          '{"name":"pay","failure":"{\\"why\\":\\"limit\\",\\"_tag\\":\\"Declined\\"}"}',
        ])
      }),
    )

    it.effect("that begin at the same time happen once: the second waits for the first one's result", () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const latch = yield* Effect.makeLatch(false)
        const waiting = post("both", 1).pipe(
          Effect.zipRight(Deferred.succeed(begun, undefined)),
          Effect.zipRight(latch.await),
          Effect.as("first"),
        )
        const one = yield* Effect.fork(attempt("both", Step.transaction("pay", waiting)))
        yield* Deferred.await(begun)
        const second = Effect.as(post("both", 2), "second")
        const other = yield* Effect.fork(attempt("both", Step.transaction("pay", second)))
        yield* untilWaiting
        strictEqual(Option.isNone(yield* Fiber.poll(other)), true)
        yield* latch.open
        deepStrictEqual([yield* Fiber.join(one), yield* Fiber.join(other)], ["first", "first"])
        deepStrictEqual(yield* postedBy("both"), [1])
      }),
    )

    it.effect("that are interrupted write nothing, and the attempt that waits runs them", () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const waiting = post("taken", 1).pipe(
          Effect.zipRight(Deferred.succeed(begun, undefined)),
          Effect.zipRight(Effect.never),
        )
        const one = yield* Effect.fork(attempt("taken", Step.transaction("pay", waiting)))
        yield* Deferred.await(begun)
        const other = yield* Effect.fork(
          attempt("taken", Step.transaction("pay", Effect.as(post("taken", 2), "second"))),
        )
        yield* Fiber.interrupt(one)
        strictEqual(yield* Fiber.join(other), "second")
        deepStrictEqual(yield* postedBy("taken"), [2])
      }),
    )

    it.effect("repeat their body in a new transaction by `retry`", () =>
      Effect.gen(function* () {
        const bodies = yield* Ref.make(0)
        const third = Ref.updateAndGet(bodies, (n) => n + 1).pipe(
          Effect.tap((n) => post("retried", n)),
          Effect.filterOrFail(
            (n) => n === 3,
            () => "not yet",
          ),
        )
        const retried = Step.transaction("pay", third, { retry: Schedule.recurs(5) })
        strictEqual(yield* attempt("retried", retried), 3)
        deepStrictEqual(yield* postedBy("retried"), [3])
      }),
    )

    it.effect("have no steps in them, and are in no transaction", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const inner = Step.transaction("pay", Effect.zipRight(post("nested"), Step.run("inner", Effect.void)))
        const outer = sql.withTransaction(Step.transaction("pay", post("nested")))
        for (const step of [inner, outer]) {
          const error = yield* Effect.flip(attempt("nested", step))
          strictEqual(error instanceof Step.StepError && error.code, "step_nested")
        }
        deepStrictEqual([yield* postedBy("nested"), yield* rowsOf("nested")], [[], []])
      }),
    )

    it.effect("write nothing when the log has no room for their result", () =>
      Effect.gen(function* () {
        const large = Effect.as(post("large"), "x".repeat(9 * 1024 * 1024))
        const error = yield* Effect.flip(attempt("large", Step.transaction("pay", large)))
        strictEqual(error instanceof Step.StepError && error.code, "step_too_large")
        deepStrictEqual([yield* postedBy("large"), yield* rowsOf("large")], [[], []])
      }),
    )

    it.effect("seal their row as their record", () =>
      Effect.gen(function* () {
        const codec: StepCodec.Codec = {
          name: "turned",
          seal: (json) => Effect.succeed(Array.from(json).toReversed().join("")),
          open: (text) => Effect.succeed(Array.from(text).toReversed().join("")),
        }
        const sealed = Effect.provideService(
          Step.transaction("pay", Effect.as(post("sealed"), "secret")),
          StepCodec.StepCodec,
          codec,
        )
        deepStrictEqual(
          [yield* attempt("sealed", sealed), yield* attempt("sealed", sealed)],
          ["secret", "secret"],
        )
        deepStrictEqual(yield* rowsOf("sealed"), ['{"name":"pay","codec":"turned","result":"\\"terces\\""}'])
        deepStrictEqual(
          Either.mapLeft(
            yield* Effect.either(attempt("sealed", Step.transaction("pay", Effect.succeed("again")))),
            (error) => error.code,
          ),
          Either.left("step_unreadable"),
        )
      }),
    )

    it.effect("pass their body the key of the step", () =>
      Effect.gen(function* () {
        const key = Effect.map(Step.CurrentStep, ({ idempotencyKey }) => idempotencyKey)
        const [one, two] = yield* Effect.all([
          attempt("keyed", Effect.flip(Step.transaction("pay", Effect.flatMap(key, Effect.fail)))),
          attempt("keyed", Step.transaction("pay", key)),
        ])
        assertTrue(one === two && /^[0-9a-f]{64}$/.test(two), two)
      }),
    )

    it.effect("are records of the log, which a later attempt reads without the table", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const context = yield* Effect.context<StepDatabase.StepDatabase | SqlClient.SqlClient>()
        yield* Effect.gen(function* () {
          const runs = yield* Runs.Runs
          const { run } = yield* runs.submit({
            agentId: Ids.AgentId.make("payer"),
            snapshot: RequestSnapshot.fromText("go"),
          })
          const { runId } = run
          yield* Worker.make({ retryDelay: () => 0 }).pipe(
            Effect.provide(
              Executor.layerWith(
                Executor.from(({ attempt: number }) =>
                  Effect.gen(function* () {
                    const paid = yield* Effect.provide(
                      Step.transaction("pay", Effect.as(post(runId, number), number)),
                      context,
                    )
                    if (number > 1) return `paid in attempt ${paid}`
                    yield* Effect.orDie(sql`DELETE FROM runlease_steps WHERE run_id = ${runId}`)
                    return yield* Effect.fail(Executor.retryableError("died", "again"))
                  }).pipe(Effect.catchTag("SqlError", Effect.die)),
                ),
              ),
            ),
          )
          const log = yield* RunLog.RunLog
          const events = Array.from(
            yield* Stream.runCollect(
              log.follow({ runId }).pipe(Stream.takeUntil(({ event }) => event.type === "RUN_FINISHED")),
            ),
            ({ event }) => event,
          )
          const texts = events.flatMap((event) =>
            AgentEvent.is("TEXT_MESSAGE_CONTENT")(event) ? [event.delta] : [],
          )
          deepStrictEqual([texts, yield* postedBy(runId)], [["paid in attempt 1"], [1]])
          const record = events.find(({ name }) => name === "runlease.step")?.["value"] as Record<
            string,
            unknown
          >
          deepStrictEqual([record["name"], record["result"]], ["pay", "1"])
        }).pipe(Effect.scoped, Effect.provide(MemoryControlPlane.layer))
      }),
    )

    it.effect("are pruned when they are old and their run has ended or is gone", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const runs = yield* Runs.Runs
        const submitted = Effect.map(
          runs.submit({ agentId: Ids.AgentId.make("payer"), snapshot: RequestSnapshot.fromText("go") }),
          ({ run }) => run.runId,
        )
        const [open, completed, failed, young] = yield* Effect.all([
          submitted,
          submitted,
          submitted,
          submitted,
        ])
        yield* runs.complete(completed, { status: "completed" })
        yield* runs.complete(young, { status: "completed" })
        yield* runs.complete(failed, { status: "failed", error: { code: "no", message: "no" } })
        const gone = yield* Ids.uuidV7
        const all = [open, completed, failed, young, gone]
        yield* Effect.forEach(all, (runId) => attempt(runId, Step.transaction("pay", post(runId))))
        const old = all.filter((runId) => runId !== young)
        yield* sql`UPDATE runlease_steps SET created_at = '2020-01-01T00:00:00.000Z' WHERE ${sql.in("run_id", old)}`
        strictEqual(yield* TransactionalSteps.prune({ olderThan: "30 days" }), 3)
        const left = yield* Effect.filter(all, (runId) =>
          Effect.map(rowsOf(runId), (rows) => rows.length > 0),
        )
        deepStrictEqual(left, [open, young])
        const refused = yield* Effect.flip(TransactionalSteps.prune({ olderThan: "23 hours" }))
        strictEqual(refused._tag, "PruneRefused")
      }).pipe(Effect.provide(MemoryControlPlane.layer)),
    )

    it.effect("end their run where the table is missing, and the table may be made again", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`ALTER TABLE runlease_steps RENAME TO elsewhere`
        const error = yield* Effect.flip(attempt("missing", Step.transaction("pay", post("missing"))))
        assertTrue(error instanceof Step.StepError && error.code === "step_refused", String(error))
        deepStrictEqual(yield* postedBy("missing"), [])
        yield* Effect.all(
          Array.from({ length: 5 }, () => TransactionalSteps.table),
          { concurrency: "unbounded" },
        )
        yield* attempt("missing", Step.transaction("pay", post("missing")))
        deepStrictEqual(yield* postedBy("missing"), [1])
      }),
    )
  })
}
