/**
 * Databases of steps in a transaction for code with promises: `PromiseSteps.transaction`.
 *
 * ```ts
 * const database = StepDatabases.postgres(pool)
 *
 * export default () =>
 *   PromiseSteps.run((steps) =>
 *     steps.transaction("pay", database, async (client) => {
 *       await client.query("UPDATE accounts SET balance = balance - 10 WHERE id = 1")
 *     }),
 *   )
 * ```
 *
 * The table `runlease_steps` must be there: `runlease sql steps` prints its statement.
 *
 * Source: docs/decisions/0139-steps-in-a-transaction.md
 */
import type { StepDatabase } from "@runlease/core"
import { StepError } from "@runlease/core/Step"
import { Cause, Effect, Exit, Runtime } from "effect"
import * as Repetition from "./Repetition.js"
import * as StepTable from "./StepTable.js"

/** How a driver with promises runs a transaction and a statement in it. */
export interface Driver<Tx> {
  readonly dialect: "postgres" | "sqlite"

  /**
   * Runs `body` in a transaction: commits where it resolves, rolls back where it rejects, and rejects then with the same error. When the signal
   * is aborted, it may end the connection, and may not commit.
   */
  readonly transaction: <A>(body: (transaction: Tx) => Promise<A>, signal: AbortSignal) => Promise<A>

  /** The rows of a statement in that transaction. `text` has `$1` for PostgreSQL, and `?` for SQLite. */
  readonly query: (
    transaction: Tx,
    text: string,
    values: ReadonlyArray<string>,
  ) => PromiseLike<ReadonlyArray<unknown>>
}

/** A body that ended otherwise than by a value, for the way through the promise of a driver. */
class Ended<E> extends Error {
  constructor(override readonly cause: Cause.Cause<E>) {
    super("The body of a step has failed")
  }
}

/** What a transaction has thrown: the end of its body, or an error of the driver. */
const causeOf = <E>(error: unknown): Cause.Cause<Repetition.BodyFailure<E> | StepError | object> => {
  if (error instanceof Ended) return error.cause
  if (error instanceof StepError) return Cause.fail(error)
  return Cause.fail(error instanceof Error ? error : new Error(String(error)))
}

const failingOfBody = <E, R>(body: Effect.Effect<string, E, R>) =>
  Effect.mapError(body, (error) => new Repetition.BodyFailure(error))

/** The database of a driver. */
export const of = <Tx>({ dialect, query, transaction }: Driver<Tx>): StepDatabase.Database<Tx> => {
  const statements = StepTable.statements[dialect]
  return {
    once: <E, R>(key: StepDatabase.StepKey, body: (transaction: Tx) => Effect.Effect<string, E, R>) => {
      const ids = [key.runId, key.stepId]
      const transacted = Effect.flatMap(Effect.runtime<R>(), (runtime) => {
        const runExit = Runtime.runPromiseExit(runtime)
        return Effect.async<string, Repetition.BodyFailure<E> | StepError | object>((resume, signal) => {
          const running = transaction(async (tx) => {
            const inserted = await query(tx, statements.insert, ids)
            if (inserted.length === 0) {
              const text = StepTable.textOf(key, await query(tx, statements.read, ids))
              if (text instanceof StepError) throw text
              return text
            }
            const exit = await runExit(failingOfBody(Effect.suspend(() => body(tx))), { signal })
            if (Exit.isFailure(exit)) throw new Ended(exit.cause)
            const written = await query(tx, statements.write, [exit.value, ...ids])
            if (written.length !== 1) throw StepTable.lost(key)
            signal.throwIfAborted()
            return exit.value
          }, signal)
          const ended = running.then(
            (text) => resume(Effect.succeed(text)),
            (error: unknown) => resume(Effect.failCause(causeOf<E>(error))),
          )
          // What comes after the step must not meet its transaction.
          return Effect.promise(() => ended)
        })
      })
      return Repetition.repeated(key, transacted)
    },
  }
}

/** The part of a `Client` of `pg` that is used here. */
interface PostgresClient {
  query(text: string, values?: Array<string>): Promise<{ readonly rows: Array<unknown> }>
  on(event: "error", listener: (error: Error) => void): unknown
  off(event: "error", listener: (error: Error) => void): unknown
  release(error?: Error | boolean): void
}

/** The part of a `Pool` of `pg` that is used here. It has two overloads, or the type of the client would not be inferred. */
interface PostgresPool<Client> {
  connect(): Promise<Client>
  connect(callback: (error: never, client: never, done: never) => void): void
}

/** The database of a `Pool` of `pg`. The body gets the client of the transaction. */
export const postgres = <Client extends PostgresClient>(
  pool: PostgresPool<Client>,
): StepDatabase.Database<Client> =>
  of<Client>({
    dialect: "postgres",
    transaction: async (body, signal) => {
      const client = await pool.connect()
      let released = false
      let lost: Error | undefined
      const onError = (error: Error) => {
        lost = error
      }
      const release = (error?: Error) => {
        if (released) return
        released = true
        client.release(error)
        // A client whose connection is ended may still emit an error, which ends the process when nothing listens.
        if (error === undefined) client.off("error", onError)
      }
      const onAbort = () => release(new Error("The step was interrupted"))
      client.on("error", onError)
      signal.addEventListener("abort", onAbort)
      try {
        signal.throwIfAborted()
        await client.query("BEGIN")
        const value = await body(client)
        signal.throwIfAborted()
        await client.query("COMMIT")
        return value
      } catch (error) {
        await client.query("ROLLBACK").catch(onError)
        throw error
      } finally {
        signal.removeEventListener("abort", onAbort)
        release(lost)
      }
    },
    query: async (client, text, values) => (await client.query(text, [...values])).rows,
  })

/** The part of a `Database` of `better-sqlite3`, or of a `DatabaseSync` of `node:sqlite`, that is used here. */
interface SqliteConnection {
  exec(text: string): unknown
  prepare(text: string): { all(...values: Array<string>): Array<unknown> }
}

const unfinished =
  "The body of a step in a transaction of this driver of SQLite must not wait: the connection has other users meanwhile"

/**
 * The database of a connection of `better-sqlite3` or `node:sqlite`. The body gets the connection, and returns its result without a promise, as
 * every transaction of these drivers does.
 */
export const sqlite = <Connection extends SqliteConnection>(
  connection: Connection,
): StepDatabase.Database<Connection> => {
  const statements = StepTable.statements.sqlite
  const all = (text: string, values: Array<string>) => connection.prepare(text).all(...values)
  return {
    once: <E, R>(
      key: StepDatabase.StepKey,
      body: (connection: Connection) => Effect.Effect<string, E, R>,
    ) => {
      const ids = [key.runId, key.stepId]
      const inTransaction = (runtime: Runtime.Runtime<R>): string => {
        if (all(statements.insert, ids).length === 0) {
          const text = StepTable.textOf(key, all(statements.read, ids))
          if (text instanceof StepError) throw text
          return text
        }
        const exit = Runtime.runSyncExit(runtime)(failingOfBody(Effect.suspend(() => body(connection))))
        if (Exit.isFailure(exit)) {
          const waits = Runtime.isAsyncFiberException(Cause.squash(exit.cause))
          throw new Ended(waits ? Cause.die(new Error(unfinished)) : exit.cause)
        }
        if (all(statements.write, [exit.value, ...ids]).length !== 1) throw StepTable.lost(key)
        return exit.value
      }
      const transacted = Effect.flatMap(Effect.runtime<R>(), (runtime) =>
        Effect.suspend(() => {
          let open = false
          try {
            connection.exec("BEGIN IMMEDIATE")
            open = true
            const text = inTransaction(runtime)
            connection.exec("COMMIT")
            return Effect.succeed(text)
          } catch (error) {
            try {
              if (open) connection.exec("ROLLBACK")
            } catch {
              // SQLite has rolled back by itself.
            }
            return Effect.failCause(causeOf<E>(error))
          }
        }),
      )
      return Repetition.repeated(key, transacted)
    },
  }
}
