/**
 * Lanes: runs of one name that go one after the other. Only the first unfinished run of a lane is not behind another.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids, RunRows } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
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

/** The unfinished run that is the first or the last of each lane by its key. It may end before it is locked. */
const select = (database: Database, lanes: ReadonlyArray<Lane>, order: "ASC" | "DESC") => {
  const { sql } = database
  const inTable = (table: string) => sql`(SELECT t.run_pk FROM ${sql.literal(table)} t
    WHERE t.project_id = v.project_id AND t.lane = v.lane AND t.lane IS NOT NULL
    ORDER BY t.run_pk ${sql.literal(order)} LIMIT 1)`
  return execute(sql<LaneRow>`SELECT v.project_id, v.lane, ${inTable("queue")} AS queued,
    ${inTable("leases")} AS leased, ${inTable("waits")} AS waiting FROM ${laneRows(database, lanes)} v`)
}

const keysOf = ({ leased, queued, waiting }: LaneRow): ReadonlyArray<number> =>
  [queued, leased, waiting].filter((key) => key !== null)

/**
 * The run of each lane that `key` picks among its unfinished ones, locked. It is certain to be unfinished only once it is
 * locked, so a lane whose run has ended meanwhile is looked at again.
 */
const lockOf = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
  order: "ASC" | "DESC",
  pick: (keys: ReadonlyArray<number>) => number,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.gen(function* () {
    const locked: Array<RunRows.StoredRun> = []
    let left = lanes
    while (left.length > 0) {
      const keys = (yield* select(database, left, order)).flatMap((row) => {
        const unfinished = keysOf(row)
        return unfinished.length === 0 ? [] : [pick(unfinished)]
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

/** The first unfinished run of each lane. The end of a run that is behind another does not free the lane. */
export const readHeads = (database: Database, lanes: ReadonlyArray<Lane>) =>
  lockOf(database, lanes, "ASC", (keys) => Math.min(...keys))

/** Those of the lanes that hold an unfinished run, which stays unfinished, and the lanes as they are, until the commit. */
export const readBusy = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<ReadonlyArray<Lane>, SqlError> =>
  Effect.gen(function* () {
    const named = new Map(lanes.map((lane) => [`${lane.projectId}/${lane.lane}`, lane]))
    yield* database.dialect.lockNames([...named.keys()])
    const busy = yield* lockOf(database, [...named.values()], "DESC", (keys) => Math.max(...keys))
    return busy.flatMap(({ state: { spec } }) =>
      spec.lane === null ? [] : [{ projectId: spec.projectId, lane: spec.lane }],
    )
  })
