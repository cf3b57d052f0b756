/**
 * Queries for runs that time moves: their lease has lapsed, their wait has expired, their delay is over, or a limit of
 * their time is reached.
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { RunRows, RunStore } from "@runlease/store"
import { Effect, Record } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { Gate } from "../rows/RunFields.js"

/** The largest number of each kind in one commit. */
const mostOfEach = 200

/** Stand for runs in the place of their keys: there are limits that no submission names. */
const scopeMarks = { agents: -1, projects: -2, named: -3 } as const

/** The same for a run that is pinned. */
const pinnedMark = -4

/** Selects the runs that are due by `now`, and those of `scopeMarks`; ten index probes when there are none. */
const selectDue = ({ sql }: Database, now: Fragment | number): Fragment => {
  // PostgreSQL prepares what has parameters; SQLite plans a statement again whose limit is a bare parameter.
  const atMost = sql`${mostOfEach} + 0`
  return sql`SELECT run_pk FROM (
      SELECT run_pk FROM leases WHERE lease_owner IS NOT NULL AND lease_expires_at <= ${now}
      ORDER BY lease_expires_at LIMIT ${atMost}
    ) lapsed
    UNION ALL
    SELECT run_pk FROM (
      SELECT run_pk FROM waits WHERE waiting_expires_at <= ${now}
      ORDER BY waiting_expires_at LIMIT ${atMost}
    ) expired
    UNION ALL
    SELECT run_pk FROM (
      SELECT run_pk FROM queue WHERE gate = ${sql.literal(String(Gate.delayed))}
      AND available_at <= ${now} ORDER BY available_at LIMIT ${atMost}
    ) delayed
    UNION ALL
    SELECT run_pk FROM (
      SELECT run_pk FROM queue WHERE start_by <= ${now} ORDER BY start_by LIMIT ${atMost}
    ) unclaimed
    UNION ALL
    SELECT run_pk FROM (
      SELECT run_pk FROM leases WHERE timeout_at <= ${now} ORDER BY timeout_at LIMIT ${atMost}
    ) timed_out
    UNION ALL
    SELECT run_pk FROM (
      SELECT run_pk FROM outcomes WHERE open_children > 0 LIMIT ${atMost}
    ) parents
    UNION ALL
    SELECT run_pk FROM (
      SELECT ${sql.literal(String(scopeMarks.agents))} AS run_pk FROM limits WHERE governs = 1 LIMIT 1
    ) agents
    UNION ALL
    SELECT run_pk FROM (
      SELECT ${sql.literal(String(scopeMarks.projects))} AS run_pk FROM limits WHERE governs = 2 LIMIT 1
    ) projects
    UNION ALL
    SELECT run_pk FROM (
      SELECT ${sql.literal(String(scopeMarks.named))} AS run_pk FROM limit_agents LIMIT 1
    ) named
    UNION ALL
    SELECT run_pk FROM (
      SELECT ${sql.literal(String(pinnedMark))} AS run_pk FROM queue WHERE version >= '' LIMIT 1
    ) pinned`
}

/** The keys of the runs that are due by the instant of the transaction, which limits there are that no submission names, and whether a run is pinned. */
export const readDue = (
  database: Database,
): Effect.Effect<Pick<RunRows.Found, "due" | "pinned" | "scopedLimits">, SqlError> =>
  Effect.flatMap(database.dialect.instant, (now) =>
    Effect.map(execute(database.sql<{ readonly run_pk: number }>`${selectDue(database, now)}`), (rows) => {
      const keys = rows.map(({ run_pk }) => run_pk)
      return {
        due: keys.filter((key) => key >= 0),
        scopedLimits: Record.map(scopeMarks, (mark) => keys.includes(mark)),
        pinned: keys.includes(pinnedMark),
      }
    }),
  )

/**
 * When the next lease lapses, wait expires, delay ends, limit of time is reached or limit of concurrency is looked at, and when the next
 * schedule ticks; null when none does. Whether a bulk operation has runs left, whether some limit with a name has agents, whether
 * the outbox has a row, and whether there is an endpoint of a webhook, and a rollout; when the next message to one is due.
 */
export const nextDue = ({
  sql,
}: Database): Effect.Effect<RunStore.NextDue & { readonly outbox: boolean }, SqlError> =>
  Effect.map(
    sql<{
      readonly due: number | null
      readonly ticks: number | null
      readonly bulk: number | null
      readonly named: number | null
      readonly outbox: number | null
      readonly endpoints: number | null
      readonly rollouts: number | null
      readonly deliveries: number | null
    }>`
      SELECT MIN(due) AS due, (
        SELECT next_at FROM schedules WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1
      ) AS ticks, (
        SELECT next_at FROM bulk_operations WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1
      ) AS bulk, (
        SELECT 1 FROM limit_agents LIMIT 1
      ) AS named, (
        SELECT 1 FROM runlease_outbox LIMIT 1
      ) AS outbox, (
        SELECT 1 FROM webhook_endpoints LIMIT 1
      ) AS endpoints, (
        SELECT 1 FROM rollouts LIMIT 1
      ) AS rollouts, (
        SELECT next_at FROM webhook_deliveries WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1
      ) AS deliveries FROM (
        SELECT due FROM (
          SELECT lease_expires_at AS due FROM leases WHERE lease_owner IS NOT NULL
          AND lease_expires_at IS NOT NULL ORDER BY lease_expires_at LIMIT 1
        ) lapsing
        UNION ALL
        SELECT due FROM (
          SELECT waiting_expires_at AS due FROM waits WHERE waiting_expires_at IS NOT NULL
          ORDER BY waiting_expires_at LIMIT 1
        ) expiring
        UNION ALL
        SELECT due FROM (
          SELECT available_at AS due FROM queue WHERE gate = ${sql.literal(String(Gate.delayed))}
          AND available_at >= 0 ORDER BY available_at LIMIT 1
        ) delayed
        UNION ALL
        SELECT due FROM (
          SELECT start_by AS due FROM queue WHERE start_by IS NOT NULL ORDER BY start_by LIMIT 1
        ) unclaimed
        UNION ALL
        SELECT due FROM (
          SELECT timeout_at AS due FROM leases WHERE timeout_at IS NOT NULL ORDER BY timeout_at LIMIT 1
        ) timing_out
        UNION ALL
        SELECT due FROM (
          SELECT 0 AS due FROM outcomes WHERE open_children > 0 LIMIT 1
        ) parents
        UNION ALL
        SELECT due FROM (
          SELECT check_at AS due FROM limits WHERE check_at IS NOT NULL ORDER BY check_at LIMIT 1
        ) limited
      ) next`,
    ([row]) => ({
      runs: row?.due ?? null,
      schedules: row?.ticks ?? null,
      bulk: row?.bulk != null,
      named: row?.named != null,
      outbox: row?.outbox != null,
      endpoints: row?.endpoints != null,
      rollouts: row?.rollouts != null,
      deliveries: row?.deliveries ?? null,
    }),
  )
