/** Rows of the outbox within a commit: what it takes, and what it refuses. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids } from "@runlease/core"
import type { Outbox } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"

/** The most characters of submissions in one commit. Its first row is in it whatever it has. */
const maxLength = 4 * 1024 * 1024

/** A row with its project. `created_at` is as the database writes an instant. */
export interface Row extends Outbox.Row {
  readonly position: number
  readonly createdAt: string
}

interface DeletedRow {
  readonly position: number
  readonly id: string
  readonly project: string
  readonly submission: string
  readonly trace: string | null
  readonly created_at: string
}

/** A part of the rows that are there, oldest first. `more`: others may be left. */
export interface Part {
  readonly rows: ReadonlyArray<Row>
  readonly more: boolean
}

/** The projects of these names, which are slugs or ids, by the names. */
const projectsOf = (
  { dialect, sql }: Database,
  names: ReadonlyArray<string>,
): Effect.Effect<ReadonlyMap<string, Ids.ProjectId>, SqlError> =>
  Effect.map(
    execute(
      sql<{ readonly name: string; readonly id: Ids.ProjectId }>`
        SELECT n.name, p.id FROM ${dialect.rows(
          { name: "text" },
          names.map((name) => ({ name })),
        )} n
        JOIN projects p ON p.slug = n.name OR p.id = n.name`,
    ),
    (rows) => new Map(rows.map(({ id, name }) => [name, id])),
  )

/** Takes the oldest rows out of the outbox, `most` of them at most, without those that another server is taking. */
export const take = (database: Database, most: number): Effect.Effect<Part, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const rows = yield* execute(sql<DeletedRow>`
      DELETE FROM runlease_outbox WHERE position IN (
        SELECT position FROM (
          SELECT position, SUM(size) OVER (ORDER BY position) - size AS before FROM (
            SELECT o.position, length(CAST(o.submission AS TEXT)) AS size FROM runlease_outbox o
            ORDER BY o.position LIMIT ${most} + 0 ${dialect.lockFree("o")}
          ) oldest
        ) sized WHERE before < ${maxLength} + 0
      )
      RETURNING position, CAST(id AS TEXT) AS id, project, CAST(submission AS TEXT) AS submission, trace,
        CAST(created_at AS TEXT) AS created_at`)
    if (rows.length === 0) return { rows: [], more: false }
    const projects = yield* projectsOf(database, [...new Set(rows.map(({ project }) => project))])
    const length = rows.reduce((sum, { submission }) => sum + submission.length, 0)
    return {
      // RETURNING has no order.
      rows: rows
        .map(({ created_at: createdAt, position, ...row }): Row => ({
          ...row,
          position: Number(position),
          createdAt,
          projectId: projects.get(row.project),
        }))
        .sort((a, b) => a.position - b.position),
      more: rows.length === most || 2 * length > maxLength,
    }
  })

/** Keeps rows that became no run, with the reason. */
export const refuse = (
  { sql }: Database,
  refused: ReadonlyArray<Outbox.RefusedRow<Row>>,
): Effect.Effect<void, SqlError> =>
  Effect.forEach(
    refused,
    ({ problem: { code, message }, row: { createdAt, id, project, submission, trace } }) =>
      execute(sql`
        INSERT INTO runlease_outbox_refused ${sql.insert({ id, project, submission, trace, created_at: createdAt, code, message })}
        ON CONFLICT (id) DO UPDATE SET project = excluded.project, submission = excluded.submission,
          trace = excluded.trace, created_at = excluded.created_at, code = excluded.code,
          message = excluded.message, refused_at = excluded.refused_at`),
    { discard: true },
  )
