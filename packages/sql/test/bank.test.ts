import { PgClient } from "@effect/sql-pg"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { expect, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Console, Effect, Layer, Redacted } from "effect"
import * as path from "node:path"
import * as Searches from "../../testkit/test/Searches.js"
import { SqlControlPlane, TransactionalSteps } from "../src/index.js"
import * as Bank from "./bank/Bank.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const all = Searches.current.extent === "all"

const extent = all
  ? { transfers: 1000, accounts: 100, workers: 8, killEvery: 300, mostKills: 100 }
  : { transfers: 60, accounts: 10, workers: 3, killEvery: 500, mostKills: 8 }

/** In milliseconds, for what hangs. */
const timeout = 1_200_000

const check = (name: string, report: Bank.Report) =>
  Effect.gen(function* () {
    const { kills, plain, transaction } = report
    yield* Console.log(
      `${name}: ${kills} workers killed; ${transaction.runs} transfers by Step.transaction, ${transaction.again} done again; ` +
        `${plain.runs} by Step.run, ${plain.again} done again`,
    )
    expect(transaction).toEqual({
      runs: transaction.runs,
      completed: transaction.runs,
      moved: transaction.runs,
      again: 0,
      balances: true,
      sum: Bank.total(extent.accounts),
    })
    expect(plain).toMatchObject({
      completed: plain.runs,
      moved: plain.runs,
      sum: Bank.total(extent.accounts),
    })
    expect(kills).toBeGreaterThan(0)
  })

/** Whether a file has no writer. */
const isFree = (filename: string): Effect.Effect<boolean> =>
  Effect.sync(() => {
    const file = new Sqlite(filename, { timeout: 20 })
    try {
      file.exec("BEGIN IMMEDIATE; ROLLBACK")
      return true
    } catch {
      return false
    } finally {
      file.close()
    }
  })

it.scopedLive(
  "each transfer by Step.transaction happens once on PostgreSQL while workers and connections end",
  () =>
    Effect.gen(function* () {
      const at = yield* PostgresDatabase.url
      const bank = yield* PostgresDatabase.url
      const report = yield* Bank.play({
        ...extent,
        at: Redacted.value(at),
        bank: Redacted.value(bank),
        pause: 100,
        seed: Searches.seedOf("bank"),
        cut: PostgresDatabase.ask(
          bank,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`,
        ),
        isFree: Effect.map(
          PostgresDatabase.ask(
            at,
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
          ),
          (open) => open.length === 0,
        ),
        untilBlocked: PostgresDatabase.waitersFor(bank, 1),
      }).pipe(
        Effect.provide(
          Layer.merge(
            SqlControlPlane.layerPostgres({ url: at, maxConnections: 3 }),
            Layer.provideMerge(TransactionalSteps.layer, PgClient.layer({ url: bank, maxConnections: 2 })),
          ),
        ),
      )
      yield* check("PostgreSQL", report)
    }),
  timeout,
)

it.scopedLive(
  "each transfer by Step.transaction happens once on SQLite while workers end",
  () =>
    Effect.gen(function* () {
      const folder = yield* TempDatabase.folder
      const at = path.join(folder, "runs.sqlite")
      const bank = path.join(folder, "bank.sqlite")
      const report = yield* Bank.play({
        ...extent,
        at,
        bank,
        pause: 10,
        seed: Searches.seedOf("bank"),
        cut: Effect.void,
        isFree: isFree(at),
        untilBlocked: Effect.void,
      }).pipe(
        Effect.provide(
          Layer.merge(
            SqlControlPlane.layerSqlite({ filename: at }),
            Layer.provideMerge(TransactionalSteps.layer, SqliteClient.layer({ filename: bank })),
          ),
        ),
      )
      yield* check("SQLite", report)
    }),
  timeout,
)
