/** Whether the rows of the outbox become runs. */
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import { hasTable } from "./TablesChecks.js"

/** The time in which a server has made a run of a row, in seconds. */
const patience = 60

/** Whether rows wait for longer than a server takes, and whether some became no run. */
export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "outbox",
  examine: Effect.gen(function* () {
    if (!(yield* hasTable("runlease_outbox"))) return HealthCheck.ok("These tables have no outbox yet.")
    const sql = yield* SqlClient.SqlClient
    const age = sql.onDialectOrElse({
      sqlite: () => sql`(julianday('now') - julianday(created_at)) * 86400`,
      orElse: () => sql`extract(epoch FROM clock_timestamp() - created_at)`,
    })
    const [waiting] = yield* sql<{ readonly count: number; readonly old: number | null }>`
      SELECT count(*) AS count, sum(CASE WHEN ${age} > ${patience} THEN 1 ELSE 0 END) AS old FROM runlease_outbox`
    const [refused] = yield* sql<{
      readonly count: number
    }>`SELECT count(*) AS count FROM runlease_outbox_refused`
    const old = Number(waiting?.old ?? 0)
    if (old > 0) {
      return HealthCheck.fail(
        `${old} rows have waited for more than a minute to become runs.`,
        "Start runlease serve on this database, or look at its log: it says why rows wait.",
      )
    }
    const count = Number(refused?.count ?? 0)
    return count > 0
      ? HealthCheck.warn(`${count} refused rows became no run.`, "See why with: runlease outbox list")
      : HealthCheck.ok(`${Number(waiting?.count ?? 0)} rows wait, and none was refused.`)
  }),
}
