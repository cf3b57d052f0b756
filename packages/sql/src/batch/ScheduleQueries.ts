/** Schedules on a SQL database. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { KeysetPage, ScheduleHealth, type ScheduleRows, type ScheduleRules } from "@runlease/core/store"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"

interface Row {
  readonly schedule_pk: number
  readonly body: string
}

interface Sized {
  readonly schedule_pk: number
  readonly bytes: number
}

const toStored = ({ body, schedule_pk }: Row): ScheduleRows.StoredSchedule => ({
  key: Number(schedule_pk),
  record: JSON.parse(body) as ScheduleRules.ScheduleRecord,
})

const columns = {
  id: "text",
  project_id: "text",
  status: "text",
  source: "text",
  source_key: "text",
  next_at: "integer",
  stale: "integer",
  body: "text",
} as const

const changed = {
  schedule_pk: "integer",
  status: "text",
  next_at: "integer",
  stale: "integer",
  body: "text",
} as const

const rowOf = (record: ScheduleRules.ScheduleRecord) => ({
  id: record.id,
  project_id: record.projectId,
  status: record.status,
  source: record.source,
  source_key: record.sourceTriggerId,
  next_at: ScheduleHealth.dueAt(record),
  stale: record.stale === true && record.status === "active" ? 1 : 0,
  body: JSON.stringify(record),
})

const select = ({ sql }: Database, rest: Fragment) =>
  Effect.map(sql<Row>`SELECT s.schedule_pk, s.body FROM schedules s ${rest}`, (rows) => rows.map(toStored))

const named = ({ sql }: Database, { projectId, scheduleId }: ScheduleRows.ScheduleRef): Fragment =>
  sql`WHERE s.project_id = ${projectId} AND s.id = ${scheduleId}`

/** @category constructors */
export const rows = (database: Database): ScheduleRows.ScheduleRows<SqlError> => {
  const { dialect, sql } = database
  const locked = (rest: Fragment) =>
    dialect.holding(select(database, sql`${rest} ${dialect.lock("s", "s.schedule_pk")}`))
  return {
    civilNow: dialect.civilNow,

    find: (ref) => Effect.map(locked(named(database, ref)), ([found]) => found),

    // Their sizes are read first. Neither database reads a long text to measure its size.
    due: (now, { bytes, count }) =>
      Effect.flatMap(
        dialect.holding(
          sql<Sized>`SELECT s.schedule_pk, octet_length(s.body) AS bytes FROM schedules s
            WHERE s.next_at <= ${now} ORDER BY s.next_at LIMIT ${count} + 0 ${dialect.lockFree("s")}`,
        ),
        (sized) => {
          const sizes = sized.map((row) => Number(row.bytes))
          const keys = sized
            .slice(0, KeysetPage.countWithin(sizes, count, bytes))
            .map(({ schedule_pk }) => Number(schedule_pk))
          return keys.length === 0
            ? Effect.succeed([])
            : select(database, sql`WHERE ${dialect.isOneOf("s.schedule_pk", keys)} ORDER BY s.next_at`)
        },
      ),

    ofSource: (projectId, source) =>
      Effect.zipRight(
        dialect.lockNames([`schedules/${projectId}/${source}`]),
        locked(sql`WHERE s.project_id = ${projectId} AND s.source = ${source}`),
      ),

    insert: (records) =>
      Effect.asVoid(execute(BulkStatements.insert(database, "schedules", columns, records.map(rowOf)))),

    update: (schedules) =>
      Effect.asVoid(
        execute(
          sql`UPDATE schedules SET status = v.status, next_at = v.next_at, stale = v.stale, body = v.body
            FROM ${dialect.rows(
              changed,
              schedules.map(({ key, record }) => ({ schedule_pk: key, ...rowOf(record) })),
            )} v WHERE schedules.schedule_pk = v.schedule_pk`,
        ),
      ),

    remove: (keys) => Effect.asVoid(sql`DELETE FROM schedules WHERE ${dialect.isOneOf("schedule_pk", keys)}`),
  }
}

/** @category constructors */
export const reads = (database: Database): ScheduleRows.ScheduleReads<SqlError> => {
  const { dialect, sql } = database
  return {
    civilNow: dialect.civilNow,

    find: (ref) => Effect.map(select(database, named(database, ref)), ([found]) => found),

    list: (projectId, { source, sourceTriggerId, stale, status }, { before, limit }) => {
      const filters = [sql`s.project_id = ${projectId}`, sql`s.schedule_pk < ${before}`]
      if (stale === true) filters.push(sql`s.stale = 1`)
      if (status !== undefined) filters.push(sql`s.status = ${status}`)
      if (source !== undefined) filters.push(sql`s.source = ${source}`)
      if (sourceTriggerId !== undefined) filters.push(sql`s.source_key = ${sourceTriggerId}`)
      return select(database, sql`WHERE ${sql.and(filters)} ORDER BY s.schedule_pk DESC LIMIT ${limit + 1}`)
    },
  }
}
