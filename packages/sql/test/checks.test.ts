import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { HealthCheck } from "@runlease/core"
import { Clock, Effect, Layer, Redacted } from "effect"
import * as fs from "node:fs"
import * as Pg from "pg"
import * as PostgresChecks from "../src/checks/PostgresChecks.js"
import * as PostgresNotifications from "../src/checks/PostgresNotifications.js"
import * as SqliteChecks from "../src/checks/SqliteChecks.js"
import { DatabaseChecks, Migrations, PostgresPool, SqlControlPlane, SqliteFile } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const upTo = (last: number): Migrations.Migrations =>
  Object.fromEntries(Object.entries(Migrations.all).filter(([name]) => Migrations.numberOf(name) <= last))

/** The checks that are not fine, with their verdicts. */
const troubles = (reports: ReadonlyArray<HealthCheck.Report>) =>
  reports.flatMap(({ check, verdict }) => (verdict === "ok" ? [] : [`${check}: ${verdict}`]))

const reportOf = (reports: ReadonlyArray<HealthCheck.Report>, name: string): HealthCheck.Report =>
  reports.find(({ check }) => check === name) ?? {
    check: name,
    verdict: "fail",
    message: "absent",
    advice: null,
  }

/** An SQLite file whose tables have these migrations, changed by statements. */
const sqliteFile = (migrations: Migrations.Migrations, ...statements: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const filename = yield* TempDatabase.filename
    yield* Effect.gen(function* () {
      yield* Migrations.apply(migrations)
      const sql = yield* SqlClient.SqlClient
      yield* Effect.forEach(statements, (statement) => sql.unsafe(statement))
    }).pipe(Effect.provide(SqliteFile.layerWith({ filename })))
    return filename
  })

const examineSqlite = (migrations: Migrations.Migrations, ...statements: ReadonlyArray<string>) =>
  Effect.flatMap(sqliteFile(migrations, ...statements), DatabaseChecks.sqlite)

/** The number of the migration before the last. */
const previous = Math.max(
  ...Object.keys(Migrations.all)
    .map(Migrations.numberOf)
    .filter((number) => number < Migrations.latest),
)

describe("the checks of an SQLite file", () => {
  it.scopedLive("are fine on a new one, and change nothing in it", () =>
    Effect.gen(function* () {
      const filename = yield* sqliteFile(Migrations.all)
      const before = fs.readFileSync(filename)
      const reports = yield* DatabaseChecks.sqlite(filename)
      deepStrictEqual(
        reports.map(({ check }) => check),
        ["file", "tables", "indexes", "outbox", "disk"],
      )
      deepStrictEqual(troubles(reports.filter(({ check }) => check !== "disk")), [])
      deepStrictEqual(fs.readFileSync(filename), before)
    }),
  )

  it.scopedLive(
    "find an index that is missing, and one that is another, with the statements that repair them",
    () =>
      Effect.gen(function* () {
        const filename = yield* sqliteFile(
          Migrations.all,
          "DROP INDEX queue_runnable",
          "DROP INDEX waits_in_lane",
          "CREATE INDEX waits_in_lane ON waits (lane)",
        )
        const { advice, message, verdict } = reportOf(yield* DatabaseChecks.sqlite(filename), "indexes")
        strictEqual(verdict, "fail")
        assertTrue(message.includes("queue_runnable is missing"))
        assertTrue(message.includes("waits_in_lane is another index"))
        yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
          Effect.forEach(advice!.replace("Run: ", "").split("; "), (statement) => sql.unsafe(statement)),
        ).pipe(Effect.provide(SqliteFile.layerWith({ filename })))
        strictEqual(reportOf(yield* DatabaseChecks.sqlite(filename), "indexes").verdict, "ok")
      }),
  )

  it.scopedLive("find tables of an older version, of a later one, none at all, and one that is missing", () =>
    Effect.gen(function* () {
      const older = yield* examineSqlite(upTo(previous))
      strictEqual(reportOf(older, "tables").verdict, "fail")
      assertTrue(reportOf(older, "tables").message.includes(`version ${previous}`))
      // Its indexes are compared with those of its own version.
      strictEqual(reportOf(older, "indexes").verdict, "ok")
      const later = yield* examineSqlite({ ...Migrations.all, "9999_Later": Effect.void })
      strictEqual(reportOf(later, "tables").verdict, "warn")
      const none = yield* examineSqlite({}, "DROP TABLE runlease_migrations")
      strictEqual(reportOf(none, "tables").verdict, "fail")
      const missing = yield* examineSqlite(Migrations.all, "DROP TABLE records")
      strictEqual(reportOf(missing, "indexes").message, "Tables are missing: records.")
    }),
  )

  it.scopedLive("find a file that is not there, and one that is no database", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      deepStrictEqual(troubles(yield* DatabaseChecks.sqlite(filename)), ["file: fail"])
      fs.writeFileSync(filename, "no database ".repeat(1000))
      const reports = yield* DatabaseChecks.sqlite(filename)
      deepStrictEqual(troubles(reports), ["file: fail"])
      assertTrue(reports[0]!.message.includes("not a database"))
    }),
  )

  it.scopedLive("find a volume without room for a backup", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      // A file with holes may be larger than its volume.
      fs.writeFileSync(filename, "")
      fs.truncateSync(filename, 2 ** 42)
      const { message, verdict } = yield* SqliteChecks.disk(filename).examine
      strictEqual(verdict, "warn")
      assertTrue(message.includes("4096.0 GiB"))
      const gibi = 2 ** 30
      strictEqual(SqliteChecks.diskFindingOf({ free: 2 ** 20, file: 0, wal: 0 }).verdict, "fail")
      strictEqual(SqliteChecks.diskFindingOf({ free: 99 * gibi, file: gibi, wal: gibi }).verdict, "warn")
      strictEqual(SqliteChecks.diskFindingOf({ free: 99 * gibi, file: gibi, wal: 0 }).verdict, "ok")
    }),
  )
})

/** A new PostgreSQL database whose tables have these migrations. */
const postgresDatabase = (migrations: Migrations.Migrations = Migrations.all) =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    yield* Effect.provide(Migrations.apply(migrations), PostgresPool.layerWith({ url }))
    return url
  })

const rowThatWaits = "INSERT INTO runlease_outbox (submission, created_at) VALUES ('{}', '2020-01-01')"
const rowRefused =
  "INSERT INTO runlease_outbox_refused (id, project, submission, created_at, code, message) " +
  "VALUES ('0192f0c1-7a4e-7bb1-a1e4-3c1f0a2b9d11', 'p', '{}', '2020-01-01', 'ProjectNotFound', 'none')"

describe("the check of the outbox", () => {
  it.scopedLive("finds rows that became no run, and rows that no server takes", () =>
    Effect.gen(function* () {
      const refused = reportOf(yield* examineSqlite(Migrations.all, rowRefused), "outbox")
      deepStrictEqual([refused.verdict, refused.message], ["warn", "1 refused rows became no run."])
      strictEqual(reportOf(yield* examineSqlite(Migrations.all, rowThatWaits), "outbox").verdict, "fail")
      strictEqual(reportOf(yield* examineSqlite(upTo(previous)), "outbox").verdict, "ok")
      const url = yield* postgresDatabase()
      yield* PostgresDatabase.ask(url, rowRefused)
      strictEqual(reportOf(yield* DatabaseChecks.postgres({ url }), "outbox").verdict, "warn")
      yield* PostgresDatabase.ask(url, rowThatWaits)
      strictEqual(reportOf(yield* DatabaseChecks.postgres({ url }), "outbox").verdict, "fail")
    }),
  )
})

describe("the checks of a PostgreSQL database", () => {
  it.scopedLive("are fine on a new one", () =>
    Effect.gen(function* () {
      const reports = yield* DatabaseChecks.postgres({ url: yield* postgresDatabase() })
      deepStrictEqual(
        reports.map(({ check }) => check),
        [
          "server",
          "pooler",
          "tables",
          "indexes",
          "outbox",
          "clock",
          "wake-ups",
          "connections",
          "timeouts",
          "durability",
          "replication",
          "vacuum",
          "transactions",
          "disk",
        ],
      )
      // Other tests use the same server, which need not keep what it has acknowledged.
      const shared = new Set(["connections", "durability", "transactions"])
      deepStrictEqual(troubles(reports.filter(({ check }) => !shared.has(check))), [])
    }),
  )

  it.scopedLive(
    "find indexes that are missing, not valid or not unique, with the statements that repair them",
    () =>
      Effect.gen(function* () {
        const url = yield* postgresDatabase()
        const ask = (statement: string) => PostgresDatabase.ask(url, statement)
        yield* ask("DROP INDEX queue_runnable")
        yield* ask("ALTER TABLE messages DROP CONSTRAINT messages_id_key")
        // What an interrupted CREATE INDEX CONCURRENTLY leaves behind.
        yield* ask("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'waits_in_lane'::regclass")
        const indexes = Effect.map(DatabaseChecks.postgres({ url }), (reports) =>
          reportOf(reports, "indexes"),
        )
        const { advice, message, verdict } = yield* indexes
        strictEqual(verdict, "fail")
        assertTrue(message.includes("queue_runnable is missing"))
        assertTrue(message.includes("waits_in_lane is not valid"))
        assertTrue(message.includes("messages has no unique index of id"))
        yield* Effect.forEach(advice!.replace("Run: ", "").split("; "), ask)
        strictEqual((yield* indexes).verdict, "ok")
      }),
  )

  it.scopedLive("find tables of an older version, and a database that does not answer", () =>
    Effect.gen(function* () {
      const older = yield* DatabaseChecks.postgres({
        url: yield* postgresDatabase(upTo(previous)),
      })
      strictEqual(reportOf(older, "tables").verdict, "fail")
      strictEqual(reportOf(older, "indexes").verdict, "ok")
      const away = Redacted.make("postgres://nobody@127.0.0.1:1/nothing")
      deepStrictEqual(troubles(yield* DatabaseChecks.postgres({ url: away })), ["server: fail"])
    }),
  )

  it.scopedLive("find a clock that is off", () =>
    Effect.gen(function* () {
      const url = yield* postgresDatabase()
      const ahead = (millis: number) => {
        const clock = Clock.make()
        return Effect.withClock(DatabaseChecks.postgres({ url }), {
          [Clock.ClockTypeId]: Clock.ClockTypeId,
          unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + millis,
          unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
          currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis),
          currentTimeNanos: clock.currentTimeNanos,
          sleep: (duration) => clock.sleep(duration),
        })
      }
      const late = reportOf(yield* ahead(10_000), "clock")
      strictEqual(late.verdict, "warn")
      assertTrue(late.message.includes("s behind that of this machine"))
      strictEqual(reportOf(yield* ahead(-60_000), "clock").verdict, "fail")
    }),
  )

  it.scopedLive("find settings that get in the way", () =>
    Effect.gen(function* () {
      const url = yield* postgresDatabase()
      const name = new URL(Redacted.value(url)).pathname.slice(1)
      const set = (setting: string) => PostgresDatabase.ask(url, `ALTER DATABASE "${name}" SET ${setting}`)
      yield* set("idle_session_timeout = '1min'")
      yield* set("synchronous_commit = off")
      yield* PostgresDatabase.ask(url, "ALTER TABLE leases SET (autovacuum_enabled = false)")
      const reports = yield* DatabaseChecks.postgres({ url })
      strictEqual(reportOf(reports, "timeouts").verdict, "warn")
      assertTrue(reportOf(reports, "durability").verdict !== "ok")
      const { advice, verdict } = reportOf(reports, "vacuum")
      deepStrictEqual([verdict, advice], ["fail", "Run: ALTER TABLE leases RESET (autovacuum_enabled)"])
      for (const statementTimeout of ["0 seconds", "1 second"] as const) {
        const timeouts = reportOf(yield* DatabaseChecks.postgres({ url, statementTimeout }), "timeouts")
        strictEqual(timeouts.verdict, "warn")
      }
      yield* set("default_transaction_read_only = on")
      deepStrictEqual(troubles(yield* DatabaseChecks.postgres({ url })), ["server: fail"])
    }),
  )

  it.scopedLive("find a database without connections for a server", () =>
    Effect.gen(function* () {
      const url = yield* postgresDatabase()
      const name = new URL(Redacted.value(url)).pathname.slice(1)
      yield* PostgresDatabase.ask(url, `ALTER DATABASE "${name}" CONNECTION LIMIT 5`)
      const { message, verdict } = reportOf(yield* DatabaseChecks.postgres({ url }), "connections")
      strictEqual(verdict, "fail")
      assertTrue(message.includes("of 5 connections"))
      strictEqual(PostgresChecks.connectionFindingOf({ most: 20, used: 15 }, 11).verdict, "warn")
      strictEqual(PostgresChecks.connectionFindingOf({ most: 97, used: 15 }, 11).verdict, "ok")
    }),
  )

  it.scopedLive("find that notifications do not come back, and count the servers that listen", () =>
    Effect.gen(function* () {
      const url = yield* postgresDatabase()
      // A notification stays in its database.
      const elsewhere = yield* PostgresDatabase.url
      const examine = (listening: Redacted.Redacted) =>
        Effect.provide(
          PostgresNotifications.check({ url: listening }).examine,
          PostgresPool.layerWith({ url }),
        )
      strictEqual((yield* examine(elsewhere)).verdict, "fail")
      assertTrue((yield* examine(url)).message.includes("No server listens now"))
      yield* Layer.build(SqlControlPlane.layerPostgres({ url }))
      assertTrue((yield* examine(url)).message.includes("One server listens"))
    }),
  )

  it.scopedLive("find a transaction that stays open", () =>
    Effect.gen(function* () {
      const url = yield* postgresDatabase()
      const client = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const opened = new Pg.Client({
            connectionString: Redacted.value(url),
            application_name: "forgotten",
          })
          await opened.connect()
          await opened.query("BEGIN")
          return opened
        }),
        (opened) => Effect.promise(() => opened.end()),
      )
      strictEqual(client.database, new URL(Redacted.value(url)).pathname.slice(1))
      const { advice, message, verdict } = yield* Effect.provide(
        PostgresChecks.transactions(0).examine,
        PostgresPool.layerWith({ url }),
      )
      strictEqual(verdict, "warn")
      assertTrue(message.includes("stays open") || message.includes("is open for"))
      assertTrue(advice!.includes("pg_terminate_backend"))
    }),
  )
})
