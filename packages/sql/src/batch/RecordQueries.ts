/** Records on a SQL database: their table, keys and columns are those of their `RecordTable`. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import { KeysetPage, Records } from "@runlease/store"
import { Effect, Record } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import type { Columns } from "../rows/Columns.js"

interface Row {
  readonly key: number
  readonly body: string
}

const toStored = <R>({ body, key }: Row): Records.StoredRecord<R> => ({
  key: Number(key),
  record: JSON.parse(body) as R,
})

/** The columns of a table but its key. */
const columnsOf = <R extends Records.Identified>({ columns }: Records.RecordTable<R>): Columns => ({
  id: "text",
  project_id: "text",
  ...Record.map(columns, ({ type }) => type),
  next_at: "integer",
  body: "text",
})

const rowOf = <R extends Records.Identified>({ columns, dueAt }: Records.RecordTable<R>, record: R) => ({
  id: record.id,
  project_id: record.projectId,
  ...Record.map(columns, ({ of }) => of(record)),
  next_at: dueAt(record),
  body: JSON.stringify(record),
})

const select = <R extends Records.Identified>(
  { sql }: Database,
  { key, name }: Records.RecordTable<R>,
  rest: Fragment,
): Effect.Effect<ReadonlyArray<Records.StoredRecord<R>>, SqlError> =>
  Effect.map(
    execute(sql<Row>`SELECT ${sql.literal(`t.${key} AS key, t.body FROM ${name} t`)} ${rest}`),
    (rows) => rows.map((row) => toStored<R>(row)),
  )

const named = ({ sql }: Database, { id, projectId }: Records.RecordRef): Fragment =>
  sql`WHERE t.project_id = ${projectId} AND t.id = ${id}`

export const rows =
  (database: Database) =>
  <R extends Records.Identified>(table: Records.RecordTable<R>): Records.RecordRows<R, SqlError> => {
    const { dialect, sql } = database
    const { key, name } = table
    const columns = columnsOf(table)
    const exceptThose = (without: Parameters<Records.RecordRows<R, SqlError>["due"]>[2]): Fragment =>
      without === undefined || without.values.length === 0
        ? sql``
        : sql`AND NOT (${sql.in(`t.${without.column}`, without.values)})`
    const locked = (rest: Fragment) =>
      dialect.holding(select(database, table, sql`${rest} ${dialect.lock("t", `t.${key}`)}`))
    return {
      find: (ref) => Effect.map(locked(named(database, ref)), ([found]) => found),

      // Their sizes are read first. Neither database reads a long text to measure its size.
      due: (now, { bytes, count }, without) =>
        Effect.flatMap(
          dialect.holding(
            sql<{ readonly key: number; readonly bytes: number }>`
              SELECT ${sql.literal(`t.${key} AS key, octet_length(t.body) AS bytes FROM ${name} t`)}
              WHERE t.next_at <= ${now} ${exceptThose(without)} ORDER BY t.next_at LIMIT ${count} + 0 ${dialect.lockFree("t")}`,
          ),
          (sized) => {
            const sizes = sized.map((row) => Number(row.bytes))
            const keys = sized
              .slice(0, KeysetPage.countWithin(sizes, count, bytes))
              .map((row) => Number(row.key))
            return keys.length === 0
              ? Effect.succeed([])
              : select(database, table, sql`WHERE ${dialect.isOneOf(`t.${key}`, keys)} ORDER BY t.next_at`)
          },
        ),

      all: (projectId, column, value) =>
        Effect.zipRight(
          dialect.lockNames([`${name}/${projectId}/${value}`]),
          locked(sql`WHERE t.project_id = ${projectId} AND ${sql.literal(`t.${column}`)} = ${value}`),
        ),

      shared: (refs) => {
        const ids = refs.map(({ id, projectId }) => ({ id, project_id: projectId }))
        const found = select(
          database,
          table,
          sql`JOIN ${dialect.rows({ id: "text", project_id: "text" }, ids)} v
            ON t.project_id = v.project_id AND t.id = v.id`,
        )
        const names = refs.map(({ id, projectId }) => `${name}/${projectId}/${id}`)
        return Effect.zipRight(dialect.shareNames(names), found)
      },

      ofProjects: (projectIds) =>
        select(
          database,
          table,
          sql`WHERE ${sql.in("t.project_id", projectIds)} ORDER BY ${sql.literal(`t.${key}`)}`,
        ),

      write: ({ inserted = [], removed = [], updated = [] }) => {
        const names = Object.keys(columns).filter((column) => column !== "id" && column !== "project_id")
        const values = dialect.rows(
          { key: "integer", ...columns },
          updated.map((stored) => ({ key: stored.key, ...rowOf(table, stored.record) })),
        )
        const statements = [
          ...(inserted.length === 0
            ? []
            : [
                BulkStatements.insert(
                  database,
                  name,
                  columns,
                  inserted.map((record) => rowOf(table, record)),
                ),
              ]),
          ...(updated.length === 0
            ? []
            : [
                sql`UPDATE ${sql.literal(name)} SET ${sql.literal(names.map((column) => `${column} = v.${column}`).join(", "))}
                  FROM ${values} v WHERE ${sql.literal(`${name}.${key} = v.key`)}`,
              ]),
          ...(removed.length === 0
            ? []
            : [sql`DELETE FROM ${sql.literal(name)} WHERE ${dialect.isOneOf(key, removed)}`]),
        ]
        return Effect.forEach(statements, execute, { discard: true })
      },
    }
  }

export const reads =
  (database: Database) =>
  <R extends Records.Identified>(table: Records.RecordTable<R>): Records.RecordReads<R, SqlError> => {
    const { sql } = database
    return {
      list: (projectId, filter, { before, limit }) => {
        const conditions = [
          sql`t.project_id = ${projectId}`,
          sql`${sql.literal(`t.${table.key}`)} < ${before}`,
          ...Object.entries(filter).flatMap(([column, value]) =>
            value === undefined ? [] : [sql`${sql.literal(`t.${column}`)} = ${value}`],
          ),
        ]
        return select(
          database,
          table,
          sql`WHERE ${sql.and(conditions)} ORDER BY ${sql.literal(`t.${table.key}`)} DESC LIMIT ${limit + 1}`,
        )
      },

      countDue: (now, most) =>
        Effect.map(
          sql<{ readonly due: number }>`
            SELECT count(*) AS due
            FROM (SELECT 1 FROM ${sql.literal(table.name)} WHERE next_at <= ${now} LIMIT ${most} + 0) v`,
          ([row]) => Number(row?.due),
        ),

      projects: Effect.map(
        sql<{ readonly project_id: string }>`SELECT DISTINCT project_id FROM ${sql.literal(table.name)}`,
        (found) => found.map(({ project_id }) => project_id),
      ),
    }
  }

/** Deletes the messages of a project that ended by an instant, at most `limit`. Returns whether there may be more. */
export const pruneDeliveries = (
  { sql }: Database,
  projectId: Ids.ProjectId,
  before: number,
  limit: number,
): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    sql`DELETE FROM webhook_deliveries WHERE delivery_pk IN (
      SELECT delivery_pk FROM webhook_deliveries WHERE project_id = ${projectId} AND finished_at <= ${before}
      ORDER BY finished_at LIMIT ${limit}
    ) RETURNING delivery_pk`,
    (deleted) => deleted.length === limit,
  )

/** Deletes the bulk operations of a project that ended by an instant, at most `limit`. Returns whether there may be more. */
export const pruneBulk = (
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
