/** What changes of the rows of `runs` and of the requests of runs after their submission: labels, titles, snapshots. */
import type { Statement } from "@effect/sql/Statement"
import { Labels } from "@runlease/core"
import type { RunRows } from "@runlease/core/store"
import { Array } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"

const columns = { run_pk: "integer", labels: "text", title: "text" } as const

type Column = Exclude<keyof typeof columns, "run_pk">

interface Update {
  readonly names: ReadonlyArray<Column>
  readonly row: { readonly run_pk: number; readonly labels: string | null; readonly title: string | null }
}

const updatesOf = (changes: ReadonlyArray<RunRows.Change>): ReadonlyArray<Update> =>
  changes.flatMap(({ details: { labels, request }, key }) => {
    const names = [
      ...(labels === undefined ? [] : (["labels"] as const)),
      ...(request === undefined ? [] : (["title"] as const)),
    ]
    if (names.length === 0) return []
    const text = labels === undefined || Labels.isEmpty(labels.after) ? null : JSON.stringify(labels.after)
    return [{ names, row: { run_pk: key, labels: text, title: request?.title ?? null } }]
  })

/** A row is in one statement: PostgreSQL runs those of a write side by side. */
const updateRuns = (database: Database, changes: ReadonlyArray<RunRows.Change>) =>
  Object.values(Array.groupBy(updatesOf(changes), ({ names }) => names.join())).map((group) =>
    BulkStatements.update(
      database,
      "runs",
      columns,
      group[0].names,
      group.map(({ row }) => row),
    ),
  )

const ofSubmission: BulkStatements.Condition = { columns: {}, rows: [], text: "inputs.input = 0" }

/** Requests in the place of those that the runs were submitted with. */
const updateRequests = (database: Database, changes: ReadonlyArray<RunRows.Change>) => {
  const rows = changes.flatMap(({ details: { request }, key }) =>
    request === undefined ? [] : [{ run_pk: key, snapshot: JSON.stringify(request.snapshot) }],
  )
  return rows.length === 0
    ? []
    : [
        BulkStatements.update(
          database,
          "inputs",
          { run_pk: "integer", snapshot: "text" },
          ["snapshot"],
          rows,
          ofSubmission,
        ),
      ]
}

/** The statements of these changes. */
export const write = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
): ReadonlyArray<Statement<object>> => [
  ...updateRuns(database, changes),
  ...updateRequests(database, changes),
]
