/**
 * Queries for runs.
 *
 * A transaction that changes a run locks its row of `runs`, which nothing else writes, and reads its state once it has the
 * lock. A claim locks the row of `queue` alone, so that row is locked too.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { RunRows } from "@runlease/core"
import { Array as Arr, Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { toStored } from "../rows/RunCodec.js"
import {
  type DetailRow,
  joinedStates,
  type RunRow,
  selectedDetails,
  selectedRun,
  toRunRow,
} from "../rows/RunRow.js"

const refColumns = { project_id: "text", run_id: "text" } as const
const keyColumns = { run_pk: "integer" } as const

/** Names of runs as a table. */
export const refRows = (database: Database, refs: ReadonlyArray<RunRows.RunRef>): Fragment =>
  database.dialect.rows(
    refColumns,
    refs.map(({ projectId, runId }) => ({ project_id: projectId, run_id: runId })),
  )

/** Run keys as a table. */
export const keyRows = (database: Database, keys: Iterable<number>): Fragment =>
  database.dialect.rows(
    keyColumns,
    Array.from(keys, (run_pk) => ({ run_pk })),
  )

/** The runs `r` that rows `v` name, and those that they give the keys of. */
const named = "r.project_id = v.project_id AND r.run_id = v.run_id"
const keyed = "r.run_pk = v.run_pk"

const readRuns = ({ sql }: Database, rows: Fragment, on: string) =>
  Effect.map(
    select(
      toRunRow,
      sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${rows} v JOIN runs r ON ${sql.literal(on)}
        ${sql.literal(joinedStates)}`,
    ),
    (found) => found.map(toStored),
  )

type Locks = ReadonlyArray<Effect.Effect<void, SqlError>>

/** Locks runs `r`, as far as the database has locks, before their states are read by a later statement. */
const lockRuns = ({ dialect, sql }: Database, rows: Fragment, on: string): Locks => {
  if (!dialect.locks) return []
  const runs = sql`FROM ${rows} v JOIN runs r ON ${sql.literal(on)}`
  return [
    execute(sql`SELECT r.run_pk ${runs} ${dialect.lock("r", "r.run_pk")}`),
    execute(
      sql`SELECT q.run_pk ${runs} JOIN queue q ON q.run_pk = r.run_pk ${dialect.lock("q", "q.run_pk")}`,
    ),
  ].map(Effect.asVoid)
}

const find = (
  database: Database,
  rows: Fragment,
  on: string,
  further: Locks = [],
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.suspend(() => {
    const locks = [...lockRuns(database, rows, on), ...further]
    const reading = readRuns(database, rows, on)
    if (locks.length === 0) return reading
    let found: ReadonlyArray<RunRows.StoredRun> = []
    const read = Effect.map(reading, (runs) => {
      found = runs
    })
    return Effect.map(database.dialect.together([...locks, read]), () => found)
  })

/** Reads the named runs that exist, and locks them. */
export const findRuns = (database: Database, refs: ReadonlyArray<RunRows.RunRef>) =>
  find(database, refRows(database, refs), named)

/** Reads runs by key, and locks them. */
export const findByKey = (database: Database, keys: Iterable<number>) =>
  find(database, keyRows(database, keys), keyed)

/** The same, and keeps those that run under a lease in it: a commit that remembers a lease ends it without a lock of `runs`. */
export const findUnfinished = (database: Database, keys: ReadonlyArray<number>) => {
  const { dialect, sql } = database
  const rows = keyRows(database, keys)
  const leases = sql`SELECT l.run_pk FROM ${rows} v JOIN leases l ON l.run_pk = v.run_pk ORDER BY l.run_pk ${dialect.keep("l")}`
  return find(database, rows, keyed, dialect.locks ? [Effect.asVoid(execute(leases))] : [])
}

/** Reads runs by key and locks them, without those that another transaction is writing. No claim takes one that is due. */
export const findFree = (
  database: Database,
  keys: Iterable<number>,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> => {
  const { dialect, sql } = database
  if (!dialect.locks) return findByKey(database, keys)
  const free = execute(
    sql<{ readonly run_pk: number }>`SELECT r.run_pk FROM ${keyRows(database, keys)} v
      JOIN runs r ON r.run_pk = v.run_pk ${dialect.lockFree("r")}`,
  )
  return Effect.flatMap(free, (rows) =>
    readRuns(
      database,
      keyRows(
        database,
        rows.map(({ run_pk }) => run_pk),
      ),
      keyed,
    ),
  )
}

/** The most parents in one statement. */
const mostParents = 50

/** The keys of children that have not ended. */
const openChildKeys = (
  { sql }: Database,
  parents: ReadonlyArray<RunRows.RunRef>,
  limit: number,
): Effect.Effect<ReadonlyArray<number>, SqlError> => {
  if (parents.length === 0 || limit <= 0) return Effect.succeed([])
  // A part for each parent, since a database may read the children of all runs to find those of some.
  const ofParents = parents.map(
    ({ projectId, runId }, index) => sql`SELECT * FROM (
      SELECT r.run_pk FROM runs r WHERE r.project_id = ${projectId} AND r.parent_run_id = ${runId}
        AND r.child IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.run_pk = r.run_pk)
      ORDER BY r.run_pk LIMIT ${limit}
    ) ${sql.literal(`parent_${index}`)}`,
  )
  return Effect.map(
    execute(
      sql<{
        readonly run_pk: number
      }>`SELECT run_pk FROM (${sql.join(" UNION ALL ", false)(ofParents)}) children
        LIMIT ${limit}`,
    ),
    (rows) => rows.map(({ run_pk }) => run_pk),
  )
}

/** Reads children of runs that have not ended, and locks them. */
export const findOpenChildren = (
  database: Database,
  parents: ReadonlyArray<RunRows.RunRef>,
  limit: number,
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.reduce(Arr.chunksOf(parents, mostParents), [] as ReadonlyArray<number>, (keys, some) =>
    Effect.map(openChildKeys(database, some, limit - keys.length), (more) => [...keys, ...more]),
  ).pipe(
    Effect.flatMap((keys) => (keys.length === 0 ? Effect.succeed([]) : findByKey(database, keys))),
    Effect.map((found) => found.filter(({ state }) => state.finishedAt === null)),
  )

/** A run with what is stored beside its state. */
export type WholeRow = RunRow & DetailRow

/** The columns of a `WholeRow`, for a SELECT from `runs r`, `joinedStates` and `sessions s`. */
export const selectedWhole = `${selectedRun}, ${selectedDetails}`

/** Reads one run with its session, without locking it. */
export const readRun = (
  { sql }: Database,
  ref: RunRows.RunRef,
): Effect.Effect<WholeRow | undefined, SqlError> =>
  Effect.map(
    sql<WholeRow>`SELECT ${sql.literal(selectedWhole)} FROM runs r ${sql.literal(joinedStates)}
      LEFT JOIN sessions s ON s.run_pk = r.run_pk
      WHERE r.project_id = ${ref.projectId} AND r.run_id = ${ref.runId}`,
    ([row]) => row,
  )
