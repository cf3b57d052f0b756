/** Lanes: runs of one name that go one after the other. Only the first unfinished run of a lane is not behind another. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids } from "@runlease/core"
import type { RunRows } from "@runlease/store"
import { Effect, Struct } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { Gate, stateColumns } from "../rows/RunFields.js"
import { queuedRuns, unfinishedTables } from "../rows/RunRow.js"
import * as RunQueries from "./RunQueries.js"

type Lane = RunRows.Lane

/** A lane, and a run of it in each of the states that a run has before its end. */
interface LaneRow {
  readonly project_id: Ids.ProjectId
  readonly lane: string
  readonly queued: number | null
  readonly leased: number | null
  readonly waiting: number | null
}

const laneColumns = { project_id: "text", lane: "text" } as const

const laneRows = ({ dialect }: Database, lanes: ReadonlyArray<Lane>) =>
  dialect.rows(
    laneColumns,
    lanes.map(({ lane, projectId }) => ({ project_id: projectId, lane })),
  )

/** The last unfinished run of each lane in each state, by its key. It may end before it is locked. */
const selectLast = (database: Database, lanes: ReadonlyArray<Lane>) => {
  const { sql } = database
  const inTable = (table: string) => sql`(SELECT t.run_pk FROM ${sql.literal(table)} t
    WHERE t.project_id = v.project_id AND t.lane = v.lane AND t.lane IS NOT NULL
    ORDER BY t.run_pk DESC LIMIT 1)`
  return execute(sql<LaneRow>`SELECT v.project_id, v.lane, ${inTable("queue")} AS queued,
    ${inTable("leases")} AS leased, ${inTable("waits")} AS waiting FROM ${laneRows(database, lanes)} v`)
}

const keysOf = ({ leased, queued, waiting }: LaneRow): ReadonlyArray<number> =>
  [queued, leased, waiting].filter((key) => key !== null)

/**
 * The last unfinished run of each lane, locked. It is certain to be unfinished only once it is
 * locked, so a lane whose run has ended meanwhile is looked at again.
 */
const lockLast = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.gen(function* () {
    const locked: Array<RunRows.StoredRun> = []
    let left = lanes
    while (left.length > 0) {
      const keys = (yield* selectLast(database, left)).flatMap((row) => {
        const unfinished = keysOf(row)
        return unfinished.length === 0 ? [] : [Math.max(...unfinished)]
      })
      if (keys.length === 0) break
      const runs = yield* RunQueries.findUnfinished(database, keys)
      locked.push(...runs.filter(({ state }) => state.finishedAt === null))
      left = runs.flatMap(({ state: { finishedAt, spec } }) =>
        finishedAt === null || spec.lane === null ? [] : [{ projectId: spec.projectId, lane: spec.lane }],
      )
    }
    return locked
  })

const queuedNames = Struct.keys(stateColumns.queue).join(", ")

/** The first unfinished run of a lane `v` in a table. */
const firstIn = (table: string): string => `(SELECT t.run_pk, t.gate, '${table}' AS state FROM ${table} t
  WHERE t.project_id = v.project_id AND t.lane = v.lane AND t.lane IS NOT NULL ORDER BY t.run_pk LIMIT 1)`

const unfinished = unfinishedTables.map(firstIn).join(" UNION ALL ")

/** The first unfinished runs of their lanes in a state, locked until the commit. */
const lockedIn = (table: string): string => `SELECT run_pk FROM ${table}
  WHERE run_pk = ANY(ARRAY(SELECT run_pk FROM heads WHERE state = '${table}')) FOR UPDATE`

/**
 * Lets the first unfinished run of each lane go, if it is behind another, in one statement: what ended is written before, so the
 * snapshot of this statement has every run that was put behind it. Only a run of `queue` is behind another.
 *
 * Another transaction may end the first run meanwhile. Then it is neither updated nor locked, and the division by zero repeats
 * this transaction: without that, each of the two could leave the next run to the other.
 */
export const advance = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
  { admits, now }: { readonly admits: boolean; readonly now: number },
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { sql } = database
  const gate = (value: number) => sql.literal(String(value))
  const behind = gate(Gate.behind)
  const delayed = sql`available_at > ${now} AND available_at > (SELECT r.created_at FROM runs r WHERE r.run_pk = queue.run_pk)`
  const gone = sql`WITH heads AS MATERIALIZED (
      SELECT DISTINCT h.run_pk, h.state FROM ${laneRows(database, lanes)} v CROSS JOIN LATERAL (
        SELECT u.run_pk, u.gate, u.state FROM (${sql.literal(unfinished)}) u ORDER BY u.run_pk LIMIT 1
      ) h WHERE h.gate = ${behind} OR h.state <> 'queue'
    ), leased AS MATERIALIZED (${sql.literal(lockedIn("leases"))}
    ), waiting AS MATERIALIZED (${sql.literal(lockedIn("waits"))}
    ), gone AS (
      UPDATE queue SET gate = CASE WHEN ${delayed} THEN ${gate(Gate.delayed)} WHEN limits IS NULL THEN ${gate(Gate.runnable)}
          ELSE ${gate(admits ? Gate.limited : Gate.delayed)} END,
        limit_name = ${admits ? sql`CASE WHEN NOT (${delayed}) THEN limits::json -> 0 ->> 'name' END` : sql`NULL`},
        updated_at = ${now}
      WHERE run_pk = ANY(ARRAY(SELECT run_pk FROM heads WHERE state = 'queue')) AND gate = ${behind}
      RETURNING ${sql.literal(queuedNames)}
    )
    SELECT ${sql.literal(queuedRuns.columns)}, 1 / ((SELECT count(*) FROM heads) =
      (SELECT count(*) FROM gone) + (SELECT count(*) FROM leased) + (SELECT count(*) FROM waiting))::int AS exact
    FROM (SELECT 1) one LEFT JOIN (gone q JOIN runs r ON r.run_pk = q.run_pk) ON TRUE`
  // Where no run is let go, one row without a run says so.
  return Effect.map(select(queuedRuns.toValue, gone), (runs) =>
    runs.filter(({ key }) => Number.isInteger(key)),
  )
}

/** Lanes by their names, which are locked until the commit. */
const lockLanes = (database: Database, lanes: ReadonlyArray<Lane>) => {
  const named = new Map(lanes.map((lane) => [`${lane.projectId}/${lane.lane}`, lane]))
  return Effect.as(database.dialect.lockNames([...named.keys()]), [...named.values()])
}

/** Those of the lanes that hold an unfinished run, which stays unfinished, and the lanes as they are, until the commit. */
export const readBusy = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<ReadonlyArray<Lane>, SqlError> =>
  Effect.gen(function* () {
    const busy = yield* lockLast(database, yield* lockLanes(database, lanes))
    return busy.flatMap(({ state: { spec } }) =>
      spec.lane === null ? [] : [{ projectId: spec.projectId, lane: spec.lane }],
    )
  })

/** Those of the lanes in which a child of some run is behind another run. No run is added to the lanes until the commit. */
export const readOfChildren = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<ReadonlyArray<Lane>, SqlError> =>
  Effect.gen(function* () {
    const { sql } = database
    const locked = yield* lockLanes(database, lanes)
    const found = yield* execute(
      sql<
        Pick<LaneRow, "project_id" | "lane">
      >`SELECT v.project_id, v.lane FROM ${laneRows(database, locked)} v
        WHERE EXISTS (SELECT 1 FROM queue q JOIN runs r ON r.run_pk = q.run_pk
          WHERE q.project_id = v.project_id AND q.lane = v.lane AND q.lane IS NOT NULL
            AND q.gate = ${sql.literal(String(Gate.behind))} AND r.child IS NOT NULL)`,
    )
    return found.map(({ lane, project_id }) => ({ projectId: project_id, lane }))
  })

/**
 * The unfinished runs of the lanes, from the oldest on, and locked; those of some states alone. No run is added to the lanes until the
 * commit.
 */
export const readRuns = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
  tables: ReadonlyArray<string>,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.gen(function* () {
    const { sql } = database
    const locked = yield* lockLanes(database, lanes)
    const inTables = tables.map(
      (table) => sql`SELECT t.run_pk FROM ${laneRows(database, locked)} v JOIN ${sql.literal(table)} t
        ON t.project_id = v.project_id AND t.lane = v.lane AND t.lane IS NOT NULL`,
    )
    const keys = yield* execute(sql<{ readonly run_pk: number }>`${sql.join(" UNION ALL ", false)(inTables)}`)
    if (keys.length === 0) return []
    const found = yield* RunQueries.findUnfinished(
      database,
      keys.map(({ run_pk }) => run_pk),
    )
    return found.filter(({ state }) => state.finishedAt === null).toSorted((a, b) => a.key - b.key)
  })
