/**
 * Whether the database answers, can be written, and is new enough.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import { unavailable } from "../dialect/SqlFailure.js"

/** The least version, as `server_version_num` has it. */
const least = 150_000

interface Row {
  readonly version: number
  readonly shown: string
  readonly replica: boolean
  readonly readOnly: boolean
}

const findingOf = ({ readOnly, replica, shown, version }: Row): HealthCheck.Finding => {
  if (version < least) {
    return HealthCheck.fail(`It is PostgreSQL ${shown}.`, "Use version 15 or later.")
  }
  if (replica) {
    return HealthCheck.fail(
      `PostgreSQL ${shown} answers, but it is a replica, which takes no writes.`,
      "Name the primary server in the URL, or promote this one.",
    )
  }
  return readOnly
    ? HealthCheck.fail(
        `PostgreSQL ${shown} answers, but its transactions are read-only.`,
        "Reset default_transaction_read_only of the database and of the role.",
      )
    : HealthCheck.ok(`PostgreSQL ${shown} answers, and takes writes.`)
}

export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "server",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<Row>`SELECT current_setting('server_version_num')::int AS version,
      split_part(current_setting('server_version'), ' ', 1) AS shown, pg_is_in_recovery() AS replica,
      current_setting('default_transaction_read_only') = 'on' AS "readOnly"`
    return findingOf(row!)
  }).pipe(
    Effect.catchTag("SqlError", (error) =>
      Effect.succeed(
        HealthCheck.fail(
          `${unavailable("connect", error).message}.`,
          "Check that PostgreSQL runs, and the host, port, name, user and password of --database.",
        ),
      ),
    ),
  ),
}
