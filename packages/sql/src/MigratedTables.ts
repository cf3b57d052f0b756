/**
 * The ports of a control plane over the tables of an open database.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { ControlPlane, type ControlPlaneError, ControlPlaneUnavailable } from "@runlease/core"
import { Sealing, StoreControlPlane } from "@runlease/store"
import { Effect, Option } from "effect"
import * as Migrations from "./Migrations.js"
import * as SqlDialect from "./SqlDialect.js"
import * as LeaseBounds from "./batch/LeaseBounds.js"
import * as RunWrites from "./batch/RunWrites.js"
import * as SqlRunRows from "./batch/SqlRunRows.js"
import * as SqlStore from "./batch/SqlStore.js"
import * as OutboxTaker from "./outbox/OutboxTaker.js"
import * as RefusedRows from "./outbox/RefusedRows.js"
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
    onSome: (opened) => {
      const { now, write } = database.dialect
      const rows = SqliteRows.make(opened.database, SqlRunRows.make(database), now, (changes, instant) =>
        write(RunWrites.writeDetails(database, changes, instant)),
      )
      return SqlStore.make(database, rows, (local, outboxGrew) =>
        Effect.flatMap(link(local, outboxGrew), (linked) => SqliteWakeups.link(opened, linked, outboxGrew)),
      )
    },
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
    refusedRows: RefusedRows.make(store),
    prune: Prune.make(store),
    ready: store.ready,
    secrets: yield* secretsOf(Option.getOrUndefined(handle)?.database.name),
  }
  return yield* StoreControlPlane.make(parts, store.writer, store.wakeups)
})
