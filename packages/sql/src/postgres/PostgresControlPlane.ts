/**
 * The control plane on a PostgreSQL database. It and its driver are loaded where a database is one of PostgreSQL.
 */
import { ControlPlaneUnavailable, type ControlPlaneError } from "@runlease/core"
import { StoreControlPlane } from "@runlease/store"
import { Effect, Layer } from "effect"
import * as SqlFailure from "../dialect/SqlFailure.js"
import * as MigratedTables from "../MigratedTables.js"
import * as PoolerProbe from "./PoolerProbe.js"
import * as PostgresPool from "./PostgresPool.js"
import * as PostgresWakeups from "./PostgresWakeups.js"

/** Refuses a pooler that loses prepared statements, and warns of one that loses the rest of a session. */
const findPooler = (options: PostgresPool.Options) =>
  Effect.tap(PoolerProbe.find(options), (keeps) => {
    if (keeps === "nothing") {
      return new ControlPlaneUnavailable.ControlPlaneUnavailable({
        operation: "connect",
        message: `${PoolerProbe.losses.nothing}. ${PoolerProbe.advice}`,
        retryable: false,
      })
    }
    return keeps === "statements"
      ? Effect.logWarning(`${PoolerProbe.losses.statements}. ${PoolerProbe.advice}`)
      : Effect.void
  })

/** See `SqlControlPlane.layerPostgres`. */
export const layer = (
  options: PostgresPool.Options,
): Layer.Layer<MigratedTables.Ports, ControlPlaneError.ControlPlaneError> => {
  const pool = (how: PostgresPool.Options) =>
    Layer.mapError(PostgresPool.layerWith(how), (error) => SqlFailure.unavailable("connect", error))
  const migrated = Effect.provide(
    MigratedTables.migrate,
    pool({ ...options, maxConnections: 1, statementTimeout: 0 }),
  )
  const opened = Effect.gen(function* () {
    const before = yield* findPooler(options)
    yield* migrated
    // A database that was starting up has not answered before.
    const keeps = before ?? (yield* findPooler(options))
    return yield* MigratedTables.make((local, outboxGrew) =>
      keeps === "statements" ? Effect.succeed(local) : PostgresWakeups.link(options, local, outboxGrew),
    )
  })
  return Layer.provide(StoreControlPlane.layerOf(opened), pool(options))
}
