/**
 * Lanes: runs of one name that go one after the other. Only the first unfinished run of a lane is not behind another.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { type Transition, Transitions } from "@runlease/core"
import { execute, select } from "../dialect/ExecuteStatement.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import { type StoredRun, toStored } from "../rows/RunCodec.js"
import { Gate, movingColumns, runNames, type RunRow, selectedRun } from "../rows/RunRow.js"
import type { Database } from "../dialect/Dialect.js"

export interface Lane {
  readonly project_id: string
  readonly lane: string
}

const laneColumns = { project_id: "text", lane: "text" } as const

export const nameOf = ({ lane, project_id }: Lane): string => `${project_id}/${lane}`

/** A run that has become the first of its lane, as the transition has made it. */
interface Advanced {
  readonly row: RunRow
  readonly run: StoredRun
  readonly transition: Transition.Transition
}

/**
 * Lets the first unfinished run of each lane go, and gives those that were behind another until now. A run is certain to be
 * the first only once it is locked: until then it may end, and the end of a run that is behind another does not free the lane.
 */
export const release = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
  now: number,
): Effect.Effect<ReadonlyArray<Advanced>, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const all: Array<Advanced> = []
    let left = lanes
    while (left.length > 0) {
      const first = yield* select(
        runNames,
        sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${dialect.rows(laneColumns, left)} v CROSS JOIN runs r
          WHERE r.run_pk = (
            SELECT f.run_pk FROM runs f
            WHERE f.project_id = v.project_id AND f.lane = v.lane AND f.lane IS NOT NULL AND f.finished_at IS NULL
            ORDER BY f.run_pk LIMIT 1
          ) ${dialect.lock("r", "r.run_pk")}`,
      )
      const advanced = first.flatMap((row): ReadonlyArray<Advanced> => {
        const { key, state } = toStored(row)
        const transition = Transitions.advance(state, now)
        return transition === undefined
          ? []
          : [
              {
                row: { ...row, gate: Gate[transition.state.gate] },
                run: { key, state: transition.state },
                transition,
              },
            ]
      })
      if (advanced.length > 0) {
        const rows = advanced.map(({ row }) => row)
        yield* execute(BulkStatements.update(database, "runs", movingColumns, ["gate"], rows))
      }
      all.push(...advanced)
      left = first.flatMap(({ finished_at, lane, project_id }) =>
        finished_at === null || lane === null ? [] : [{ project_id, lane }],
      )
    }
    return all
  })

/** The names of those lanes that hold an unfinished run, which stays unfinished, and the lanes as they are, until the commit. */
export const readBusy = (
  { dialect, sql }: Database,
  lanes: ReadonlyArray<Lane>,
): Effect.Effect<Set<string>, SqlError> =>
  Effect.gen(function* () {
    const named = new Map(lanes.map((lane) => [nameOf(lane), lane]))
    yield* dialect.lockNames([...named.keys()])
    const busy = new Set<string>()
    let left = [...named.values()]
    while (left.length > 0) {
      const last = yield* execute(
        sql<Lane & { readonly finished_at: number | null }>`
          SELECT r.project_id, r.lane, r.finished_at
          FROM ${dialect.rows(laneColumns, left)} v CROSS JOIN runs r
          WHERE r.run_pk = (
            SELECT f.run_pk FROM runs f
            WHERE f.project_id = v.project_id AND f.lane = v.lane AND f.lane IS NOT NULL AND f.finished_at IS NULL
            ORDER BY f.run_pk DESC LIMIT 1
          ) ${dialect.lock("r", "r.run_pk")}`,
      )
      for (const row of last) if (row.finished_at === null) busy.add(nameOf(row))
      // It ended before it was locked.
      left = last.filter(({ finished_at }) => finished_at !== null)
    }
    return busy
  })
