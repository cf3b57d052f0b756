/**
 * The client of a SQLite file, with the driver's own handle beside it: a commit runs its statements on the handle, plainly.
 *
 * Source: docs/decisions/0052-plain-rows-on-sqlite.md
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import Sqlite from "better-sqlite3"
import { Context, Effect, Layer, Scope } from "effect"

/**
 * The open file, as the driver has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handle {
  /** A statement on it runs on the connection of the `SqlClient` beside it, in its open transaction. */
  readonly database: Sqlite.Database

  /** Has the connection alone until the effect has ended. */
  readonly alone: <A, E, R>(use: (connection: Connection) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class SqliteHandle extends Context.Tag("@runlease/sql/SqliteHandle")<SqliteHandle, Handle>() {}

/** The largest number of statements that a connection prepares once; the oldest gives way. */
const maxPrepared = 500

const makePrepared = (database: Sqlite.Database) => {
  const prepared = new Map<string, Sqlite.Statement>()
  return (text: string, raw: boolean): Sqlite.Statement => {
    const key = raw ? `raw ${text}` : text
    const before = prepared.get(key)
    if (before !== undefined) return before
    const statement = database.prepare(text)
    if (raw && statement.reader) statement.raw(true)
    if (prepared.size >= maxPrepared) prepared.delete(prepared.keys().next().value!)
    prepared.set(key, statement)
    return statement
  }
}

const makeConnection = (database: Sqlite.Database): Connection => {
  const prepare = makePrepared(database)
  const run = <A>(text: string, parameters: ReadonlyArray<unknown>, raw = false) =>
    Effect.try({
      try: (): ReadonlyArray<A> => {
        const statement = prepare(text, raw)
        if (statement.reader) return statement.all(...parameters) as ReadonlyArray<A>
        statement.run(...parameters)
        return []
      },
      catch: (cause) => new SqlError({ cause, message: "The statement failed" }),
    })
  return {
    execute: (text, parameters, transform) =>
      transform === undefined ? run(text, parameters) : Effect.map(run<object>(text, parameters), transform),
    executeRaw: (text, parameters) => run(text, parameters),
    executeValues: (text, parameters) => run(text, parameters, true),
    executeUnprepared: (text, parameters) => run(text, parameters),
    executeStream: () => Effect.dieMessage("Statements of SQLite are not streamed"),
  }
}

/**
 * Opens a file. Dies with the driver's error when the file is unusable.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (filename: string): Layer.Layer<SqlClient.SqlClient | SqliteHandle> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new Sqlite(filename)),
        (opened) => Effect.sync(() => opened.close()),
      )
      database.pragma("journal_mode = WAL")
      const connection = makeConnection(database)
      // One transaction at a time; a statement outside of one waits for its end.
      const semaphore = yield* Effect.makeSemaphore(1)
      const alone = semaphore.withPermits(1)
      const client = yield* SqlClient.make({
        acquirer: alone(Effect.succeed(connection)),
        transactionAcquirer: Effect.uninterruptibleMask((restore) =>
          restore(semaphore.take(1)).pipe(
            Effect.zipRight(Effect.scope),
            Effect.tap((scope) => Scope.addFinalizer(scope, semaphore.release(1))),
            Effect.as(connection),
          ),
        ),
        compiler: Statement.makeCompilerSqlite(),
        spanAttributes: [["db.system.name", "sqlite"]],
      })
      return Context.make(SqlClient.SqlClient, client).pipe(
        Context.add(SqliteHandle, { database, alone: (use) => alone(use(connection)) }),
      )
    }),
  ).pipe(Layer.provide(Reactivity.layer))
