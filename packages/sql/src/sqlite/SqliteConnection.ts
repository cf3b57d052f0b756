/**
 * The connection of an SQLite file as a client of Effect, and its transactions as a dialect: the statements of a commit run on one handle.
 *
 * Source: docs/decisions/0052-plain-rows-on-sqlite.md
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { Array, Clock, Context, Effect, Exit, Layer, Option, Scope } from "effect"
import * as Reactivity from "@effect/experimental/Reactivity"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import Sqlite from "better-sqlite3"
import type { Columns, RowOf } from "../rows/Columns.js"
import type { RunRows } from "@runlease/store"
import { type Dialect, toCandidate } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { queuedRuns } from "../rows/RunRow.js"
import * as RunRow from "../rows/RunRow.js"
import { codeOf } from "../dialect/SqlFailure.js"

// SQLite: one writer at a time, so nothing needs its own lock.

/**
 * How long a statement waits for a lock, in milliseconds. The driver blocks the thread meanwhile, and the lock's holder
 * may be another control plane of this thread, so it is short.
 */
export const busyTimeout = 10

/** The number of attempts to get the write lock: some ten seconds in all. */
const attempts = 1000

/** The largest number of SELECTs in one statement: SQLite limits compounds. */
const selectsPerStatement = 100

/** Waits one turn of the event loop, in which timers and sockets run. */
const turn = Effect.async<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

const isBusy = (error: SqlError): boolean => codeOf(error).startsWith("SQLITE_BUSY")

const run = (connection: Connection, statement: string): Effect.Effect<void, SqlError> =>
  Effect.asVoid(connection.execute(statement, [], undefined))

/** Runs an effect on a connection that nothing else uses meanwhile. */
export interface Alone {
  <A, E, R>(use: (connection: Connection) => Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R>
}

/** On a connection that the client provides for the time. */
export const reserving =
  (sql: SqlClient.SqlClient): Alone =>
  (use) =>
    Effect.scoped(Effect.flatMap(sql.reserve, use))

/** On the connection of a handle. */
export const onHandle =
  ({ alone, connection }: Handle): Alone =>
  (use) =>
    alone(use(connection))

/** The instant at which the open transaction began. */
class Instant extends Context.Tag("@runlease/sql/sqlite/Instant")<Instant, number>() {}

/** `clock` reads the store's time. A transaction begins where the file is `inPlace`. */
export const dialect = (
  sql: SqlClient.SqlClient,
  clock: Effect.Effect<number>,
  alone: Alone,
  inPlace: Effect.Effect<void, SqlError>,
): Dialect => {
  const now = Effect.flatMap(Effect.serviceOption(Instant), (open) =>
    Option.isSome(open) ? Effect.succeed(open.value) : clock,
  )

  // BEGIN takes the write lock: a transaction that reads first and is refused the lock later cannot wait for it.
  // Only the turns between attempts are interruptible, since a transaction that has begun must be ended.
  const begin = (connection: Connection, pause: Effect.Effect<void>): Effect.Effect<void, SqlError> => {
    const once = run(connection, "BEGIN IMMEDIATE")
    const again = Effect.retry(Effect.zipRight(pause, once), {
      times: attempts,
      while: (error) => isBusy(error),
    })
    return Effect.catchAll(once, (error) => (isBusy(error) ? again : error))
  }

  const own = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R> =>
    alone((connection) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          yield* begin(connection, restore(turn))
          const inTransaction = effect.pipe(
            Effect.provideService(SqlClient.TransactionConnection, [connection, 0]),
            Effect.provideService(Instant, yield* clock),
          )
          const exit = yield* Effect.exit(restore(inTransaction))
          const committed = Exit.isSuccess(exit) ? yield* Effect.exit(run(connection, "COMMIT")) : Exit.void
          const ended = Exit.zipLeft(exit, committed)
          if (Exit.isSuccess(ended)) return ended.value
          // A failed statement may have undone the transaction already; then the ROLLBACK fails.
          yield* Effect.ignore(run(connection, "ROLLBACK"))
          return yield* ended
        }),
      ),
    )

  // SQLite plans a statement again at each run when its LIMIT is a bare parameter, or when a partial index may depend on a
  // parameter.
  const probe = (
    { agentId, implementationKind, projectId, wanted, workerKey }: RunRows.Probe,
    index: number,
  ) => {
    const equals = (column: string, value: string | null) =>
      value === null ? sql.literal(`${column} IS NULL`) : sql`${sql.literal(column)} = ${value}`
    return sql`SELECT * FROM (
      SELECT ${sql.literal(String(index))} AS probe, run_pk FROM queue
      WHERE gate = 0 AND project_id = ${projectId}
        ${agentId === null ? sql.literal("") : sql`AND agent_id = ${agentId}`}
        AND ${equals("implementation_kind", implementationKind)} AND ${equals("worker_key", workerKey)}
      ORDER BY priority DESC, rank, run_pk LIMIT ${wanted} + 0
    )`
  }

  return {
    now,
    civilNow: Clock.currentTimeMillis,
    instant: now,
    together: (effects) => Effect.all(effects, { discard: true }),
    transact: (effect) =>
      Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (open) =>
        Option.isSome(open)
          ? effect
          : // The lock is for one writer, so what a second transaction reads does not change before it writes.
            Effect.zipRight(
              inPlace,
              Effect.catchIf(own(effect), RunRow.isLeaseChanged, () => own(effect)),
            ),
      ),
    beginMigration: Effect.void,
    confirm: Effect.void,
    blames: () => true,
    // The driver blocks the thread, so no request arrives while a commit is in flight: sockets with data are read first.
    gather: turn,
    rows: <C extends Columns>(columns: C, rows: ReadonlyArray<RowOf<C>>) => {
      const names = Object.keys(columns)
      const cells = (row: RowOf<C>) => names.map((name) => row[name])
      // Each `->>` parses its row again; a bare value is not parsed.
      const values = names.length === 1 ? rows.flatMap(cells) : rows.map(cells)
      const listed =
        names.length === 1
          ? `value AS ${names.join()}`
          : names.map((name, index) => `value ->> ${index} AS ${name}`).join(", ")
      return sql`(SELECT ${sql.literal(listed)} FROM json_each(${JSON.stringify(values)}))`
    },
    isOneOf: (column, values) =>
      sql`${sql.literal(column)} IN (SELECT value FROM json_each(${JSON.stringify([...values])}))`,
    // Without numbers of rows, SQLite takes an index of fewer columns for as good.
    keyRange: ({ before, column, direction, index, least, value }) => ({
      hint: `INDEXED BY ${index}`,
      condition: sql`${sql.literal(`b.${column}`)} = ${value} AND b.run_pk >= ${least} AND b.run_pk < ${before}`,
      order: `b.run_pk ${direction}`,
    }),
    write: (statements) => Effect.forEach(statements, execute, { discard: true }),
    locks: false,
    lockRuns: () => ({ statements: [], check: () => Effect.void }),
    holding: (effect) => effect,
    lock: () => sql.literal(""),
    lockShared: () => sql.literal(""),
    lockFree: () => sql.literal(""),
    keep: () => sql.literal(""),
    lockNames: () => Effect.void,
    shareNames: () => Effect.void,
    // Only found runs are read whole, since SQLite copies the rows that it limits.
    runnable: (probes) =>
      Effect.map(
        Effect.forEach(Array.chunksOf(probes.map(probe), selectsPerStatement), (some) =>
          select(
            toCandidate,
            sql`SELECT ${sql.literal(queuedRuns.columns)}, p.probe
              FROM (${sql.join(" UNION ALL ", false)(some)}) p
              CROSS JOIN queue q ON q.run_pk = p.run_pk CROSS JOIN runs r ON r.run_pk = p.run_pk`,
          ),
        ),
        (found) => found.flat(),
      ),
  }
}

// The client of a SQLite file, with the driver's own handle: a commit runs its statements on the handle, plainly.

/** The open file, as the driver has it. */
export interface Handle {
  /** A statement on it runs on the connection of the file's `SqlClient`, in its open transaction. */
  readonly database: Sqlite.Database

  readonly connection: Connection

  /** Runs an effect that has the connection alone. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export class SqliteHandle extends Context.Tag("@runlease/sql/SqliteHandle")<SqliteHandle, Handle>() {}

/** The largest number of statements that a connection prepares once; the oldest is removed. */
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

/** Opens a file. Dies with the driver's error when the file is unusable. */
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
        Context.add(SqliteHandle, { database, connection, alone }),
      )
    }),
  ).pipe(Layer.provide(Reactivity.layer))
