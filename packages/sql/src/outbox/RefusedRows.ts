/** The refused rows of one project: those that name its slug or its id. */
import type { SqlError } from "@effect/sql/SqlError"
import { type Ids, Page, type RefusedRows } from "@runlease/core"
import { KeysetPage } from "@runlease/store"
import { DateTime, Effect, Either, Function, Option } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"
import type { Database } from "../dialect/Dialect.js"
import { fromJson } from "../rows/Fields.js"

/** The most characters of a submission in a list. */
const mostListed = 65_536

/** The most rows that one commit inserts again or deletes. */
const mostChanged = 1000

interface Row {
  readonly position: number
  readonly id: string
  readonly project: string
  readonly submission: string | null
  readonly code: string
  readonly message: string
  readonly created_at: string | number
  readonly refused_at: string | number
}

const toRow = ({ created_at, id, refused_at, submission, ...row }: Row): RefusedRows.RefusedRow => {
  const refusedAt = DateTime.unsafeMake(refused_at)
  return {
    id,
    project: row.project,
    submission: fromJson(submission),
    code: row.code,
    message: row.message,
    // A program that inserts may write any text there.
    createdAt: Option.getOrElse(DateTime.make(created_at), () => refusedAt),
    refusedAt,
  }
}

/** An instant of these tables: milliseconds, or text on SQLite. */
const instant = ({ sql }: Database, column: string) =>
  sql.onDialectOrElse({
    sqlite: () => sql.literal(column),
    orElse: () => sql.literal(`CAST(extract(epoch FROM ${column}) * 1000 AS float8)`),
  })

const ofProject = ({ sql }: Database, projectId: Ids.ProjectId) =>
  sql`project IN (SELECT slug FROM projects WHERE id = ${projectId} UNION ALL SELECT ${projectId})`

interface Change {
  readonly projectId: Ids.ProjectId
  readonly chosen: RefusedRows.Chosen
  readonly again: boolean
}

const changeOne = (store: SqlStore, { again, chosen, projectId }: Change) =>
  Effect.gen(function* () {
    const { dialect, sql } = store
    const named = (ids: ReadonlyArray<string>) =>
      sql`CAST(id AS TEXT) IN (SELECT id FROM ${dialect.rows(
        { id: "text" },
        ids.map((id) => ({ id: id.toLowerCase() })),
      )} v)`
    const meant = sql`position IN (
      SELECT position FROM runlease_outbox_refused
      WHERE ${ofProject(store, projectId)} AND ${chosen === "all" ? sql`1 = 1` : named(chosen)}
      ORDER BY position LIMIT ${mostChanged}
    )`
    if (!again) {
      return Either.right(
        (yield* sql`DELETE FROM runlease_outbox_refused WHERE ${meant} RETURNING position`).length,
      )
    }
    // A row stays where another of its id waits already.
    const inserted = yield* sql<{ readonly id: string }>`
      INSERT INTO runlease_outbox (id, project, submission, trace, created_at)
      SELECT id, project, submission, trace, created_at FROM runlease_outbox_refused WHERE ${meant} ORDER BY position
      ON CONFLICT (id) DO NOTHING RETURNING CAST(id AS TEXT) AS id`
    if (inserted.length > 0) {
      yield* sql`DELETE FROM runlease_outbox_refused WHERE ${named(inserted.map(({ id }) => id))}`
    }
    return Either.right(inserted.length)
  })

export const make = (store: SqlStore): ((projectId: Ids.ProjectId) => RefusedRows.RefusedRows["Type"]) => {
  const { sql } = store
  const change = store.writer.operation<Change, number, number>({
    name: "RefusedRows.change",
    decide: (requests) => Effect.forEach(requests, (request) => changeOne(store, request)),
    answer: Function.identity,
  })
  return (projectId) => ({
    list: Effect.fnUntraced(function* (options) {
      const limit = KeysetPage.limitOf(options)
      const [before] = yield* Page.keysOf(options?.cursor, [Number.MAX_SAFE_INTEGER])
      const rows = yield* store.read(
        "RefusedRows.list",
        sql<Row>`SELECT position, CAST(id AS TEXT) AS id, project, code, message,
            CASE WHEN length(CAST(submission AS TEXT)) <= ${mostListed} + 0 THEN CAST(submission AS TEXT) END AS submission,
            ${instant(store, "created_at")} AS created_at, ${instant(store, "refused_at")} AS refused_at
          FROM runlease_outbox_refused WHERE ${ofProject(store, projectId)} AND position < ${before}
          ORDER BY position DESC LIMIT ${limit + 1}`,
      )
      return KeysetPage.pageOf(rows, limit, ({ position }) => [Number(position)], toRow)
    }),

    retry: (chosen) =>
      // The process that inserts does not notice its own commit.
      Effect.tap(change({ projectId, chosen, again: true }), (count) =>
        count === 0 ? Effect.void : store.outbox.open,
      ),

    discard: (chosen) => change({ projectId, chosen, again: false }),
  })
}

/** Deletes refused rows of a project, and those that name none, that are old enough. Returns whether there are more. */
export const prune = (
  store: SqlStore,
  projectId: Ids.ProjectId,
  before: number,
  limit: number,
): Effect.Effect<boolean, SqlError> => {
  const { sql } = store
  const cutoff = sql.onDialectOrElse({
    sqlite: () => sql`strftime('%Y-%m-%dT%H:%M:%fZ', ${before} / 1000.0, 'unixepoch')`,
    orElse: () => sql`to_timestamp(${before} / 1000.0::float8)`,
  })
  return Effect.map(
    sql`DELETE FROM runlease_outbox_refused WHERE position IN (
      SELECT position FROM runlease_outbox_refused
      WHERE refused_at <= ${cutoff} AND (${ofProject(store, projectId)}
        OR NOT EXISTS (SELECT 1 FROM projects p WHERE p.slug = project OR p.id = project))
      ORDER BY position LIMIT ${limit}
    ) RETURNING position`,
    (deleted) => deleted.length === limit,
  )
}
