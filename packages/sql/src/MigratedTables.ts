/**
 * The ports of a control plane over the tables of an open database.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { ControlPlane, type ControlPlaneError, ControlPlaneUnavailable } from "@runlease/core"
import { type RunRows, Sealing, StoreControlPlane } from "@runlease/store"
import Sqlite from "better-sqlite3"
import { Effect, Option } from "effect"
import * as Migrations from "./Migrations.js"
import * as SqlDialect from "./SqlDialect.js"
import * as LeaseBounds from "./batch/LeaseBounds.js"
import * as RunWrites from "./batch/RunWrites.js"
import * as SqlRunRows from "./batch/SqlRunRows.js"
import * as SqlStore from "./batch/SqlStore.js"
import type { Database } from "./dialect/Dialect.js"
import * as OutboxTaker from "./outbox/OutboxTaker.js"
import * as CounterSums from "./ports/CounterSums.js"
import * as Prune from "./ports/Prune.js"
import * as SqlAccess from "./ports/SqlAccess.js"
import * as SqlConversations from "./ports/SqlConversations.js"
import * as SqlWorkerRegistry from "./ports/SqlWorkerRegistry.js"
import * as NewFile from "./sqlite/NewFile.js"
import * as SecretKeyFile from "./sqlite/SecretKeyFile.js"
import * as SqliteConnection from "./sqlite/SqliteConnection.js"
import * as SqliteRows from "./sqlite/SqliteRows.js"
import * as SqliteWakeups from "./sqlite/SqliteWakeups.js"

const failureOf = (cause: unknown): SqlError =>
  cause instanceof SqlError ? cause : new SqlError({ cause, message: "The statement failed" })

/**
 * `handle` is the connection of `database`. The rows of a transaction: the common operations are plain, the others are those of any SQL
 * database. Source: docs/decisions/0052-plain-rows-on-sqlite.md
 */
const sqliteRunRows = (database: Database, handle: Sqlite.Database): RunRows.RunRows<SqlError> => {
  const plain = SqliteRows.make(handle)
  const bulk = SqlRunRows.make(database)
  const { now, write } = database.dialect
  const atNow =
    <Arguments extends ReadonlyArray<unknown>, A>(run: (now: number, ...of: Arguments) => A) =>
    (...of: Arguments): Effect.Effect<A, SqlError> =>
      Effect.flatMap(now, (instant) => Effect.try({ try: () => run(instant, ...of), catch: failureOf }))
  const claimDetails = atNow(plain.claimDetails)
  const writePlain = atNow(plain.write)
  return {
    ...bulk,
    find: atNow(plain.find),
    search: atNow(plain.search),
    advanceLanes: atNow(plain.advanceLanes),
    claimDetails: (runs, request) =>
      request === "claimed" ? claimDetails(runs) : bulk.claimDetails(runs, request),
    insert: atNow(plain.insert),
    write: (changes, counted) => {
      const written = writePlain(changes, counted)
      return changes.every(RunWrites.isPlain)
        ? written
        : Effect.zipRight(
            written,
            Effect.flatMap(now, (instant) => write(RunWrites.writeDetails(database, changes, instant))),
          )
    },
  }
}

/**
 * Seals by the keys of the environment, and without any by that of the SQLite file. Servers that share a database must have the same key, so
 * PostgreSQL has none but that of the environment.
 */
const secretsOf = Effect.fnUntraced(function* (filename: string | undefined) {
  const keys = yield* Effect.mapError(
    Sealing.config,
    (error) =>
      new ControlPlaneUnavailable.ControlPlaneUnavailable({
        operation: "secrets",
        message: String(error),
        retryable: false,
      }),
  )
  if (Option.isSome(keys)) return Sealing.make(Effect.succeed(keys.value))
  if (filename === ":memory:") return yield* Sealing.makeEphemeral
  return filename === undefined ? undefined : Sealing.make(SecretKeyFile.keys(filename))
})

/** The services of a control plane on a database. */
export type Ports = StoreControlPlane.Ports

/** Brings the tables up to date. */
export const migrate: Effect.Effect<void, ControlPlaneError.ControlPlaneError, SqlClient.SqlClient> =
  Migrations.apply(Migrations.all, NewFile.create)

/** The control plane over tables that are up to date, woken by other servers through `link`. */
export const make = Effect.fnUntraced(function* (link: SqlStore.Link) {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const database = { sql, dialect: yield* SqlDialect.dialectOf(sql) }
  const handle = yield* Effect.serviceOption(SqliteConnection.SqliteHandle)
  const store = yield* Option.match(handle, {
    onNone: () => SqlStore.make(database, SqlRunRows.make(database), link),
    onSome: (opened) =>
      SqlStore.make(database, sqliteRunRows(database, opened.database), (local, outboxGrew) =>
        Effect.flatMap(link(local, outboxGrew), (linked) => SqliteWakeups.link(opened, linked, outboxGrew)),
      ),
  })
  const access = SqlAccess.make(store)
  yield* access
    .createProject(ControlPlane.defaultProject)
    .pipe(Effect.catchTag("ProjectExists", () => Effect.void))
  yield* LeaseBounds.shortenLeases(store)
  yield* Effect.forkScoped(CounterSums.run(store))
  yield* Effect.forkScoped(OutboxTaker.run(store))
  const parts = {
    runs: store.runs,
    access,
    registry: SqlWorkerRegistry.make(store),
    conversations: SqlConversations.make(store),
    prune: Prune.make(store),
    ready: store.ready,
    secrets: yield* secretsOf(Option.getOrUndefined(handle)?.database.name),
  }
  return yield* StoreControlPlane.make(parts, store.writer, store.wakeups)
})
