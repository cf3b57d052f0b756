/**
 * Reads of limits outside of transactions, and their pruning.
 *
 * Source: docs/decisions/0102-limits.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids } from "@runlease/core"
import { type LimitRows, RateRules } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import * as NamedLimitQueries from "./NamedLimitQueries.js"
import { columns, toUsage, type UsageRow } from "../rows/LimitUsageRow.js"

export const reads = (database: Database): LimitRows.LimitReads<SqlError> => {
  const { sql } = database
  return {
    list: (projectId, { before, limit }) =>
      Effect.map(
        sql<UsageRow>`SELECT ${sql.literal(columns)} FROM limits WHERE project_id = ${projectId} AND limit_pk < ${before}
        AND paused + governs + running + open + stale + behind + parked > 0 ORDER BY limit_pk DESC LIMIT ${limit}`,
        (found) => found.map(toUsage),
      ),
    named: (name) => NamedLimitQueries.find(database, name),
    find: ({ limit, projectId }) =>
      Effect.map(
        sql<UsageRow>`SELECT ${sql.literal(columns)} FROM limits WHERE project_id = ${projectId} AND limit_name = ${limit}`,
        ([row]) => row && toUsage(row),
      ),
  }
}

/**
 * Deletes limits of a project that have no runs, are not paused and have all of their tokens, at most `most`. Returns whether there may be
 * others.
 */
export const prune = (
  { dialect, sql }: Database,
  projectId: Ids.ProjectId,
  most: number,
): Effect.Effect<boolean, SqlError> =>
  Effect.flatMap(dialect.now, (now) =>
    Effect.map(
      sql<object>`DELETE FROM limits WHERE limit_pk IN (
        SELECT limit_pk FROM limits WHERE project_id = ${projectId} AND tat <= ${RateRules.fullBy(now)}
          AND paused + governs + running + open + stale + behind + parked = 0 LIMIT ${most} ${dialect.lockFree("limits")}
      ) RETURNING limit_pk`,
      (deleted) => deleted.length === most,
    ),
  )
