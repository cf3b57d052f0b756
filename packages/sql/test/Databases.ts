/** A database of each kind, with connections to it and control planes over it. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Access, ControlPlane } from "@runlease/core"
import { Effect, Layer, Redacted } from "effect"
import { PostgresPool, SqlControlPlane, SqliteFile } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

export interface Database {
  /** Names the database for another process. */
  readonly at: string
  readonly client: Layer.Layer<SqlClient.SqlClient, unknown>
  readonly controlPlane: Layer.Layer<
    Access.Access | ControlPlane.ControlPlane | ControlPlane.StorePorts,
    unknown
  >
}

export const sqlite = Effect.map(TempDatabase.filename, (filename): Database => ({
  at: filename,
  client: SqliteFile.layerWith({ filename }),
  controlPlane: SqlControlPlane.layerSqlite({ filename }),
}))

export const postgres = Effect.map(PostgresDatabase.url, (url): Database => ({
  at: Redacted.value(url),
  client: PostgresPool.layerWith({ url }),
  controlPlane: SqlControlPlane.layerPostgres({ url }),
}))

/** Runs statements on a connection of its own. */
export const execute = <A extends object = Record<string, unknown>>(
  { client }: Database,
  ...statements: ReadonlyArray<string>
) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(statements, (statement) => sql.unsafe<A>(statement)),
  ).pipe(Effect.provide(client))

/** Makes a database one of before workers had versions. */
export const withoutVersions: ReadonlyArray<string> = [
  "DROP TABLE rollouts",
  "DROP INDEX workers_by_version",
  "ALTER TABLE workers DROP COLUMN version",
  "ALTER TABLE runs DROP COLUMN version_policy",
  "DROP INDEX queue_runnable",
  "DROP INDEX queue_runnable_by_agent",
  ...["queue", "leases", "waits"].map((table) => `DROP INDEX ${table}_by_version`),
  ...["queue", "leases", "waits", "outcomes"].map((table) => `ALTER TABLE ${table} DROP COLUMN version`),
  `CREATE INDEX queue_runnable
    ON queue (project_id, implementation_kind, worker_key, priority DESC, rank, run_pk) WHERE gate = 0`,
  `CREATE INDEX queue_runnable_by_agent
    ON queue (project_id, agent_id, implementation_kind, worker_key, priority DESC, rank, run_pk) WHERE gate = 0`,
]
