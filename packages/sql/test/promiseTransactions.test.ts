import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { PromiseSteps, Step } from "@runlease/core"
import Sqlite from "better-sqlite3"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as Pg from "pg"
import { StepDatabases } from "../src/index.js"
import * as StepTable from "../src/steps/StepTable.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import { attempt } from "./StepsInTransactions.js"
import * as TempDatabase from "./TempDatabase.js"

/** An attempt that finds no record of the ones before it. */
const running = <A>(
  run: string,
  program: (steps: PromiseSteps.PromiseSteps, signal: AbortSignal) => Promise<A>,
) => attempt(run, PromiseSteps.run(program))

const tables = `${StepTable.definition("sqlite")}; CREATE TABLE entries (run text, amount integer)`

/** A pool on a new database that has the tables. */
const pool = Effect.acquireRelease(
  Effect.flatMap(PostgresDatabase.url, (url) =>
    Effect.promise(async () => {
      const made = new Pg.Pool({ connectionString: Redacted.value(url) })
      // A connection that is ended while nothing uses it.
      made.on("error", () => {})
      await made.query(`${StepTable.definition("postgres")}; CREATE TABLE entries (run text, amount integer)`)
      return { made, url }
    }),
  ),
  ({ made }) => Effect.promise(() => made.end()),
)

const posted = (pg: Pg.Pool, run: string) =>
  Effect.promise(async () => {
    const { rows } = await pg.query("SELECT amount FROM entries WHERE run = $1 ORDER BY amount", [run])
    return rows.map(({ amount }) => amount)
  })

const post = (client: Pg.ClientBase, run: string, amount: number) =>
  client.query("INSERT INTO entries (run, amount) VALUES ($1, $2)", [run, amount])

describe("a step of promises in a transaction of a pool of pg", () => {
  it.scopedLive("happens once, and a later attempt gets the result", () =>
    Effect.gen(function* () {
      const { made } = yield* pool
      const database = StepDatabases.postgres(made)
      let bodies = 0
      const pay = (steps: PromiseSteps.PromiseSteps) =>
        steps.transaction("pay", database, async (client) => {
          await post(client, "once", 1)
          return (bodies += 1)
        })
      deepStrictEqual([yield* running("once", pay), yield* running("once", pay), bodies], [1, 1, 1])
      deepStrictEqual(yield* posted(made, "once"), [1])
    }),
  )

  it.scopedLive("is rolled back where its body rejects, and runs again", () =>
    Effect.gen(function* () {
      const { made } = yield* pool
      const database = StepDatabases.postgres(made)
      const no = new Error("no")
      const failing = running("failing", (steps) =>
        steps.transaction("pay", database, async (client) => {
          await post(client, "failing", 1)
          throw no
        }),
      )
      strictEqual(yield* Effect.flip(failing), no)
      yield* running("failing", (steps) =>
        steps.transaction("pay", database, async (client) => void (await post(client, "failing", 2))),
      )
      deepStrictEqual(yield* posted(made, "failing"), [2])
    }),
  )

  it.scopedLive("happens once when its connection is ended in its middle, and at its commit", () =>
    Effect.gen(function* () {
      const { made, url } = yield* pool
      let bodies = 0
      const end = (client: Pg.ClientBase) =>
        client
          .query("SELECT pg_backend_pid() AS pid")
          .then(({ rows: [{ pid }] }) =>
            Effect.runPromise(PostgresDatabase.ask(url, `SELECT pg_terminate_backend(${pid})`)),
          )
      const result = yield* running("cut", (steps) =>
        steps.transaction("pay", StepDatabases.postgres(made), async (client) => {
          bodies += 1
          await post(client, "cut", bodies)
          if (bodies === 1) await end(client)
          if (bodies === 2) await end(client).then(() => client.query("SELECT 1"))
          return bodies
        }),
      )
      deepStrictEqual([result, yield* posted(made, "cut")], [3, [3]])
    }),
  )

  it.scopedLive("writes nothing after an interruption, whatever its body still does", () =>
    Effect.gen(function* () {
      const { made } = yield* pool
      const database = StepDatabases.postgres(made)
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const late = yield* Deferred.make<unknown>()
      const one = yield* Effect.fork(
        running("taken", (steps) =>
          steps.transaction("pay", database, async (client, signal) => {
            await post(client, "taken", 1)
            signal.addEventListener("abort", () => Deferred.unsafeDone(goOn, Effect.void))
            Deferred.unsafeDone(begun, Effect.void)
            await Effect.runPromise(Deferred.await(goOn))
            const settle = (value: unknown) => Deferred.unsafeDone(late, Effect.succeed(value))
            await post(client, "taken", 2).then(settle, settle)
          }),
        ),
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(one)
      const error = yield* Deferred.await(late)
      assertTrue(error instanceof Error, String(error))
      const second = yield* running("taken", (steps) =>
        steps.transaction("pay", database, async (client) => {
          await post(client, "taken", 3)
          return "second"
        }),
      )
      deepStrictEqual([second, yield* posted(made, "taken")], ["second", [3]])
    }),
  )

  it.scopedLive("works over a driver of one's own, such as a library with its own transactions", () =>
    Effect.gen(function* () {
      const { made } = yield* pool
      const database = StepDatabases.of<Pg.PoolClient>({
        dialect: "postgres",
        transaction: async (body) => {
          const client = await made.connect()
          try {
            await client.query("BEGIN")
            const value = await body(client)
            await client.query("COMMIT")
            return value
          } catch (error) {
            await client.query("ROLLBACK")
            throw error
          } finally {
            client.release()
          }
        },
        query: async (client, text, values) => (await client.query(text, [...values])).rows,
      })
      let bodies = 0
      const pay = (steps: PromiseSteps.PromiseSteps) =>
        steps.transaction("pay", database, async (client) => {
          await post(client, "own", 1)
          return (bodies += 1)
        })
      deepStrictEqual([yield* running("own", pay), yield* running("own", pay)], [1, 1])
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const other = yield* Effect.fork(
        running("late", (steps) =>
          steps.transaction("pay", database, async (client, signal) => {
            signal.addEventListener("abort", () => Deferred.unsafeDone(goOn, Effect.void))
            Deferred.unsafeDone(begun, Effect.void)
            await Effect.runPromise(Deferred.await(goOn))
            await post(client, "late", 1)
          }),
        ),
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(other)
      deepStrictEqual([yield* posted(made, "own"), yield* posted(made, "late")], [[1], []])
    }),
  )
})

/** The connections of a library on a new file that has the tables. */
interface Opened {
  readonly exec: (text: string) => unknown
  readonly prepare: (text: string) => { all(...values: Array<string>): Array<unknown> }
  readonly close: () => void
}

const nodeSqlite: { readonly DatabaseSync: new (filename: string) => Opened } | undefined = (() => {
  try {
    return createRequire(import.meta.url)("node:sqlite")
  } catch {
    return undefined
  }
})()

const libraries: ReadonlyArray<readonly [string, ((filename: string) => Opened) | undefined]> = [
  ["better-sqlite3", (filename) => new Sqlite(filename) as unknown as Opened],
  ["node:sqlite", nodeSqlite === undefined ? undefined : (filename) => new nodeSqlite.DatabaseSync(filename)],
]

for (const [library, open] of libraries) {
  describe.skipIf(open === undefined)(`a step of promises in a transaction of ${library}`, () => {
    const opened = Effect.acquireRelease(
      Effect.map(TempDatabase.filename, (filename) => {
        const connection = open!(filename)
        connection.exec(tables)
        return { connection, filename }
      }),
      ({ connection }) => Effect.sync(() => connection.close()),
    )
    const add = (connection: Opened, run: string) =>
      void connection.prepare("INSERT INTO entries (run, amount) VALUES (?, 1) RETURNING run").all(run)
    const count = (connection: Opened, run: string) =>
      connection.prepare("SELECT amount FROM entries WHERE run = ?").all(run).length

    it.scopedLive("happens once, and is rolled back where its body throws", () =>
      Effect.gen(function* () {
        const { connection, filename } = yield* opened
        const database = StepDatabases.sqlite(connection)
        let bodies = 0
        const pay = (steps: PromiseSteps.PromiseSteps) =>
          steps.transaction("pay", database, (db) => {
            add(db, "once")
            return (bodies += 1)
          })
        deepStrictEqual([yield* running("once", pay), yield* running("once", pay), bodies], [1, 1, 1])
        const no = new Error("no")
        const failing = running("failing", (steps) =>
          steps.transaction("pay", database, (db): number => {
            add(db, "failing")
            throw no
          }),
        )
        strictEqual(yield* Effect.flip(failing), no)
        deepStrictEqual([count(connection, "once"), count(connection, "failing")], [1, 0])
        assertTrue(fs.existsSync(filename))
      }),
    )

    it.scopedLive("is refused with a body that waits", () =>
      Effect.gen(function* () {
        const { connection } = yield* opened
        const database = StepDatabases.sqlite(connection)
        const waiting = running("waiting", (steps) =>
          steps.transaction("pay", database, async (db) => add(db, "waiting")),
        )
        const error = yield* Effect.sandbox(waiting).pipe(Effect.flip, Effect.map(String))
        assertTrue(error.includes("must not wait"), error)
        strictEqual(count(connection, "waiting"), 0)
      }),
    )

    it.scopedLive("repeats its transaction while another connection writes", () =>
      Effect.gen(function* () {
        const { connection, filename } = yield* opened
        const other = open!(filename)
        other.exec("BEGIN IMMEDIATE")
        connection.exec("PRAGMA busy_timeout = 0")
        let begun = 0
        const watched: Omit<Opened, "close"> = {
          exec: (text) => {
            if (text === "BEGIN IMMEDIATE") begun += 1
            if (begun === 2) other.close()
            return connection.exec(text)
          },
          prepare: (text) => connection.prepare(text),
        }
        yield* running("busy", (steps) =>
          steps.transaction("pay", StepDatabases.sqlite(watched), () => add(connection, "busy")),
        )
        deepStrictEqual([begun, count(connection, "busy")], [2, 1])
      }),
    )

    it.scopedLive("says that the table is missing", () =>
      Effect.gen(function* () {
        const { connection } = yield* opened
        connection.exec("DROP TABLE runlease_steps")
        const error = yield* Effect.flip(
          running("missing", (steps) =>
            steps.transaction("pay", StepDatabases.sqlite(connection), (db) => add(db, "missing")),
          ),
        )
        strictEqual(error instanceof Step.StepError && error.code, "step_refused")
      }),
    )
  })
}
