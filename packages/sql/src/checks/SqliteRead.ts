/**
 * Whether the SQLite file can be read.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import { unavailable } from "../dialect/SqlFailure.js"

export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "file",
  examine: Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ readonly journal_mode: string }>`PRAGMA journal_mode`,
  ).pipe(
    Effect.map(([row]) =>
      row?.journal_mode === "wal"
        ? HealthCheck.ok("The file can be read.")
        : HealthCheck.warn(
            `The file can be read, but its journal is ${row?.journal_mode ?? "unknown"} and not WAL: no server has opened it yet.`,
            "Check that --database names the right file.",
          ),
    ),
    Effect.catchTag("SqlError", (error) =>
      Effect.succeed(
        HealthCheck.fail(
          `${unavailable("read", error).message}.`,
          "If another process has locked it, end that process; if it is damaged, restore a backup.",
        ),
      ),
    ),
  ),
}
