/**
 * Queries for runs.
 *
 * A transaction that changes a run locks its row of `runs`, which nothing else writes, and reads its state once it has the
 * lock.
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Run } from "@runlease/core"
import { type RunRows, RunState } from "@runlease/store"
import { Array as Arr, Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import * as RunNames from "../dialect/RunNames.js"
import type { ToRow } from "../rows/Columns.js"
import { allDetails, allRuns, joinedStates } from "../rows/RunRow.js"

/** Names of runs as a table. */
export const refRows = ({ dialect }: Database, refs: ReadonlyArray<RunRows.RunRef>): Fragment =>
  RunNames.refRows(dialect.rows, refs)

/** Run keys as a table. */
export const keyRows = ({ dialect }: Database, keys: Iterable<number>): Fragment =>
  RunNames.keyRows(dialect.rows, keys)

const readRuns = ({ dialect, sql }: Database, names: RunNames.RunNames) =>
  select(
    allRuns.toValue,
    sql`SELECT ${sql.literal(allRuns.columns)} ${RunNames.from(sql, dialect.rows, names)}
      ${sql.literal(joinedStates)}`,
  )

const find = (
  database: Database,
  names: RunNames.RunNames,
  further: ReadonlyArray<Effect.Effect<void, SqlError>> = [],
): Effect.Effect<ReadonlyArray<RunRows.StoredRun>, SqlError> =>
  Effect.suspend(() => {
    const { check, statements } = database.dialect.lockRuns(names)
    const reading = readRuns(database, names)
    if (statements.length === 0) return reading
    let found: ReadonlyArray<RunRows.StoredRun> = []
    const read = Effect.map(reading, (runs) => {
      found = runs
    })
    return Effect.flatMap(database.dialect.together([...statements, ...further, read]), () =>
      Effect.as(check(found), found),
    )
  })

/** Reads the named runs that exist, and locks them. */
export const findRuns = (database: Database, refs: ReadonlyArray<RunRows.RunRef>) => find(database, { refs })

/** Reads runs by key, and locks them. */
export const findByKey = (database: Database, keys: Iterable<number>) =>
  find(database, { keys: Array.from(keys) })

/** The same, and keeps those that run under a lease in it: a commit that remembers a lease ends it without a lock of `runs`. */
export const findUnfinished = (database: Database, keys: ReadonlyArray<number>) => {
  const { dialect, sql } = database
  const leases = sql`SELECT l.run_pk FROM ${keyRows(database, keys)} v JOIN leases l ON l.run_pk = v.run_pk ORDER BY l.run_pk ${dialect.keep("l")}`
  return find(database, { keys }, dialect.locks ? [Effect.asVoid(execute(leases))] : [])
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
  return Effect.flatMap(dialect.holding(free), (rows) =>
    readRuns(database, { keys: rows.map(({ run_pk }) => run_pk) }),
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

/** Columns of runs with what is stored with their states, for a SELECT from `runs r`, `joinedStates` and `sessions s`. */
export const wholeColumns = `${allRuns.columns}, ${allDetails.columns}`

const toDetails = allDetails.readerIn([...allRuns.names, ...allDetails.names])

/** The run of a row of `wholeColumns`, as its clients see it. */
export const toWhole: ToRow<{ readonly key: number; readonly run: Run.Run }> = (values) => {
  const { key, state } = allRuns.toValue(values)
  return { key, run: RunState.toRun(state, toDetails(state.spec.runId, values)) }
}

/** Reads one run with its session, without locking it. */
export const readRun = (
  { sql }: Database,
  ref: RunRows.RunRef,
): Effect.Effect<Run.Run | undefined, SqlError> =>
  Effect.map(
    select(
      toWhole,
      sql`SELECT ${sql.literal(wholeColumns)} FROM runs r ${sql.literal(joinedStates)}
        LEFT JOIN sessions s ON s.run_pk = r.run_pk
        WHERE r.project_id = ${ref.projectId} AND r.run_id = ${ref.runId}`,
    ),
    ([found]) => found?.run,
  )
