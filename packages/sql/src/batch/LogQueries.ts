/** Queries for the logs of runs. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { RunLog } from "@runlease/core"
import type { RunRows, RunStore } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import * as EventRows from "../rows/EventRows.js"
import { eventId, joinedStates } from "../rows/RunRow.js"

/** The entries of a log after a place that outsiders have appended. */
export const readTail = (
  { sql }: Database,
  { afterEventId, afterSequence, key, limit }: RunRows.TailRef,
): Effect.Effect<ReadonlyArray<RunLog.LogEntry>, SqlError> =>
  Effect.map(
    execute(
      sql<EventRows.EntryRow>`SELECT event_id, sequence, payload, created_at FROM events
        WHERE run_pk = ${key} AND event_id > ${afterEventId} AND sequence > ${afterSequence}
        ORDER BY event_id LIMIT ${limit}`,
    ),
    (rows) => EventRows.toPiece(rows).entries,
  )

/**
 * Where a page ends is found entry by entry, since a database may read an event whole to measure its size. A log has no gaps; the index of
 * records says which of its events have one.
 */
const readEntries = ({ sql }: Database, key: number, after: number, most: RunStore.LogBounds) => {
  const size = sql.literal(`octet_length(e.payload) + ${RunLog.entryBytes}`)
  const [source, place, nextAfter] =
    most.only === undefined
      ? ["events e", "e", (before: Fragment) => sql`${before} + 1`]
      : [
          "records r JOIN events e ON e.run_pk = r.run_pk AND e.event_id = r.event_id",
          "r",
          (before: Fragment) =>
            sql`(SELECT MIN(n.event_id) FROM records n WHERE n.run_pk = ${key} AND n.event_id > ${before})`,
        ]
  return Effect.map(
    sql<EventRows.EntryRow>`SELECT e.event_id, e.sequence, e.payload, e.created_at FROM ${sql.literal(source)}
      WHERE ${sql.literal(place)}.run_pk = ${key} AND ${sql.literal(place)}.event_id > ${after}
        AND ${sql.literal(place)}.event_id <= (
          WITH RECURSIVE page (event_id, total, entries) AS (
            SELECT e.event_id, ${size}, 1 FROM events e
            WHERE e.run_pk = ${key} AND e.event_id = ${nextAfter(sql`${after}`)}
            UNION ALL
            SELECT e.event_id, p.total + ${size}, p.entries + 1
            FROM page p JOIN events e ON e.run_pk = ${key} AND e.event_id = ${nextAfter(sql.literal("p.event_id"))}
            WHERE p.entries < ${most.entries} AND p.total + ${size} <= ${most.bytes}
          ) SELECT MAX(event_id) FROM page
        ) ORDER BY ${sql.literal(place)}.event_id`,
    EventRows.toPiece,
  )
}

interface EndRow {
  readonly run_pk: number
  readonly finished_at: number | null
  readonly latest_event_id: number
}

/** The oldest entries after an event, and how the run stood just before: one that had ended has no others. */
export const readPage = (
  database: Database,
  { projectId, runId }: RunRows.RunRef,
  after: number,
  most: RunStore.LogBounds,
): Effect.Effect<RunStore.LogPage | undefined, SqlError> =>
  Effect.gen(function* () {
    const { sql } = database
    const [row] = yield* sql<EndRow>`
      SELECT r.run_pk, o.finished_at,
        COALESCE(q.latest_event_id, l.latest_event_id, w.latest_event_id, o.latest_event_id) AS latest_event_id
      FROM runs r ${sql.literal(joinedStates)} WHERE r.project_id = ${projectId} AND r.run_id = ${runId}`
    if (row === undefined) return undefined
    const piece = yield* readEntries(database, row.run_pk, after, most)
    return { ...piece, latest: eventId(row.latest_event_id), ended: row.finished_at !== null }
  })
