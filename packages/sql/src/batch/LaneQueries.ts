/**
 * Lanes: runs of one name that go one after the other. Only the first unfinished run of a lane is not behind another.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { RunRows } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { toStored } from "../rows/RunCodec.js"
import { runNames, type RunRow, selectedRun } from "../rows/RunRow.js"

type Lane = RunRows.Lane

/** A lane, and whether a run of it has ended. */
type LaneRow = Pick<RunRow, "project_id" | "finished_at"> & { readonly lane: string }

const laneColumns = { project_id: "text", lane: "text" } as const

const laneRows = ({ dialect }: Database, lanes: ReadonlyArray<Lane>) =>
  dialect.rows(
    laneColumns,
    lanes.map(({ lane, projectId }) => ({ project_id: projectId, lane })),
  )

const toLane = ({ lane, project_id }: LaneRow): Lane => ({ projectId: project_id, lane })

/**
 * The first unfinished run of each lane, locked. A run is certain to be the first only once it is locked: until then it may
 * end, and the end of a run that is behind another does not free the lane.
 */
export const readHeads = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const heads: Array<RunRow> = []
    let left = lanes
    while (left.length > 0) {
      const first = yield* select(
        runNames,
        sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${laneRows(database, left)} v CROSS JOIN runs r
          WHERE r.run_pk = (
            SELECT f.run_pk FROM runs f
            WHERE f.project_id = v.project_id AND f.lane = v.lane AND f.lane IS NOT NULL AND f.finished_at IS NULL
            ORDER BY f.run_pk LIMIT 1
          ) ${dialect.lock("r", "r.run_pk")}`,
      )
      heads.push(...first.filter(({ finished_at }) => finished_at === null))
      left = first.flatMap(({ finished_at, lane, project_id }) =>
        finished_at === null || lane === null ? [] : [{ projectId: project_id, lane }],
      )
    }
    return heads.map(toStored)
  })

/** Those of the lanes that hold an unfinished run, which stays unfinished, and the lanes as they are, until the commit. */
export const readBusy = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<ReadonlyArray<Lane>, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const named = new Map(lanes.map((lane) => [`${lane.projectId}/${lane.lane}`, lane]))
    yield* dialect.lockNames([...named.keys()])
    const busy: Array<Lane> = []
    let left = [...named.values()]
    while (left.length > 0) {
      const last = yield* execute(
        sql<LaneRow>`SELECT r.project_id, r.lane, r.finished_at
          FROM ${laneRows(database, left)} v CROSS JOIN runs r
          WHERE r.run_pk = (
            SELECT f.run_pk FROM runs f
            WHERE f.project_id = v.project_id AND f.lane = v.lane AND f.lane IS NOT NULL AND f.finished_at IS NULL
            ORDER BY f.run_pk DESC LIMIT 1
          ) ${dialect.lock("r", "r.run_pk")}`,
      )
      busy.push(...last.filter(({ finished_at }) => finished_at === null).map(toLane))
      // It ended before it was locked.
      left = last.filter(({ finished_at }) => finished_at !== null).map(toLane)
    }
    return busy
  })
