/** Bulk operations on a SQL database. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import type { BulkRows, BulkRules } from "@runlease/core/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"

interface Row {
  readonly bulk_pk: number
  readonly body: string
}

const toStored = ({ body, bulk_pk }: Row): BulkRows.StoredBulk => ({
  key: Number(bulk_pk),
  record: JSON.parse(body) as BulkRules.BulkRecord,
})

/** When the next part of an operation may be done; null once it has ended. */
const nextAt = ({ status, updatedAt }: BulkRules.BulkRecord): number | null =>
  status === "running" ? updatedAt : null

const select = ({ sql }: Database, rest: Fragment) =>
  Effect.map(execute(sql<Row>`SELECT b.bulk_pk, b.body FROM bulk_operations b ${rest}`), (rows) =>
    rows.map(toStored),
  )

const named = ({ sql }: Database, { bulkId, projectId }: BulkRows.BulkRef): Fragment =>
  sql`WHERE b.project_id = ${projectId} AND b.id = ${bulkId}`

/** @category constructors */
export const rows = (database: Database): BulkRows.BulkRows<SqlError> => {
  const { dialect, sql } = database
  const first = (rest: Fragment) => Effect.map(dialect.holding(select(database, rest)), ([found]) => found)
  return {
    next: first(sql`WHERE b.next_at IS NOT NULL ORDER BY b.next_at LIMIT 1 ${dialect.lockFree("b")}`),

    find: (ref) => first(sql`${named(database, ref)} ${dialect.lock("b", "b.bulk_pk")}`),

    insert: (record) => {
      const { finishedAt, id, projectId, status } = record
      return Effect.asVoid(
        execute(sql`INSERT INTO bulk_operations (id, project_id, status, next_at, finished_at, body)
          VALUES (${id}, ${projectId}, ${status}, ${nextAt(record)}, ${finishedAt}, ${JSON.stringify(record)})`),
      )
    },

    update: ({ key, record }) =>
      Effect.asVoid(
        execute(sql`UPDATE bulk_operations SET status = ${record.status}, next_at = ${nextAt(record)},
          finished_at = ${record.finishedAt}, body = ${JSON.stringify(record)} WHERE bulk_pk = ${key}`),
      ),
  }
}

/** @category constructors */
export const reads = (database: Database): BulkRows.BulkReads<SqlError> => {
  const { sql } = database
  return {
    find: (ref) => Effect.map(select(database, named(database, ref)), ([found]) => found),

    list: (projectId, { status }, { before, limit }) => {
      const filters = [sql`b.project_id = ${projectId}`, sql`b.bulk_pk < ${before}`]
      if (status !== undefined) filters.push(sql`b.status = ${status}`)
      return select(database, sql`WHERE ${sql.and(filters)} ORDER BY b.bulk_pk DESC LIMIT ${limit + 1}`)
    },
  }
}

/** Deletes the operations of a project that ended by an instant, at most `limit`. Returns whether there may be more. */
export const prune = (
  { sql }: Database,
  projectId: Ids.ProjectId,
  before: number,
  limit: number,
): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    sql`DELETE FROM bulk_operations WHERE bulk_pk IN (
      SELECT bulk_pk FROM bulk_operations WHERE project_id = ${projectId} AND finished_at <= ${before}
      ORDER BY finished_at LIMIT ${limit}
    ) RETURNING bulk_pk`,
    (deleted) => deleted.length === limit,
  )
