/**
 * Lanes: runs of one name that go one after the other. Only the first unfinished run of a lane is not behind another.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { execute } from "../dialect/ExecuteStatement.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import { Gate, gateOf, movingColumns, type RunRow } from "../rows/RunRow.js"
import type { Database } from "../dialect/Dialect.js"

export interface Lane {
  readonly project_id: string
  readonly lane: string
}

const laneColumns = { project_id: "text", lane: "text" } as const

export const nameOf = ({ lane, project_id }: Lane): string => `${project_id}/${lane}`

/** A run that was behind the last of its lane. */
const firstNames = [
  "run_pk",
  "project_id",
  "run_id",
  "status",
  "gate",
  "created_at",
  "available_at",
  "finished_at",
  "implementation_kind",
  "worker_key",
  "agent_id",
] as const

const firstColumns = firstNames.map((name) => `r.${name}`).join(", ")

/** What is to be known of the first run of a lane. */
type FirstRow = Pick<RunRow, (typeof firstNames)[number]>

/**
 * Lets the first unfinished run of each lane go, and gives those that were behind another until now. Who is first is
 * known only once it is locked: it may have ended meanwhile, and whoever ends a run that is behind leaves the lane to the
 * run that is first.
 */
export const release = (
  database: Database,
  lanes: ReadonlyArray<Lane>,
  now: number,
): Effect.Effect<ReadonlyArray<FirstRow>, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const all: Array<FirstRow> = []
    let left = lanes
    while (left.length > 0) {
      const first = yield* execute(
        sql<
          FirstRow & Lane
        >`SELECT r.lane, ${sql.literal(firstColumns)} FROM ${dialect.rows(laneColumns, left)} v CROSS JOIN runs r
          WHERE r.run_pk = (
            SELECT f.run_pk FROM runs f
            WHERE f.project_id = v.project_id AND f.lane = v.lane AND f.lane IS NOT NULL AND f.finished_at IS NULL
            ORDER BY f.run_pk LIMIT 1
          ) ${dialect.lock("r", "r.run_pk")}`,
      )
      const released = first
        .filter((row) => row.finished_at === null && row.gate === Gate.behind)
        .map((row) => ({ ...row, gate: gateOf(row, now) }))
      if (released.length > 0) {
        yield* execute(BulkStatements.update(database, "runs", movingColumns, ["gate"], released))
      }
      all.push(...released)
      left = first.filter(({ finished_at }) => finished_at !== null)
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
