/**
 * Whether the clock of a database server and that of this machine agree.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { HealthCheck } from "@runlease/core"
import { Clock, Effect } from "effect"

/** How far the database is ahead, and how far off that may be; both in milliseconds. */
interface Skew {
  readonly ahead: number
  readonly off: number
}

const measure: Effect.Effect<Skew, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const sent = yield* Clock.currentTimeMillis
  const [row] = yield* sql<{
    readonly now: number
  }>`SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::float8 AS now`
  const received = yield* Clock.currentTimeMillis
  return { ahead: (row?.now ?? 0) - (sent + received) / 2, off: (received - sent) / 2 }
})

/** The finding for a clock of something that is so far ahead, at least. */
export const findingOf = ({ ahead, off }: Skew): HealthCheck.Finding => {
  const certain = Math.max(0, Math.abs(ahead) - off)
  const text = `The clock of the database is ${(Math.abs(ahead) / 1000).toFixed(1)} s ${ahead < 0 ? "behind" : "ahead of"} that of this machine`
  if (certain < 2000)
    return HealthCheck.ok("The clock of the database agrees with that of this machine within 2 s.")
  const advice =
    "Let both machines follow NTP. Leases go by the clock of the database alone; delays and times that callers send do not."
  return certain < 30_000 ? HealthCheck.warn(`${text}.`, advice) : HealthCheck.fail(`${text}.`, advice)
}

export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "clock",
  // The first statement connects; the second measures.
  examine: Effect.map(Effect.zipRight(measure, measure), findingOf),
}
