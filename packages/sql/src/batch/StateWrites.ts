/**
 * The statements that write the states of runs: a run that goes on to another state leaves one table and enters another.
 *
 * @since 0.1.0
 */
import type { Statement } from "@effect/sql/Statement"
import type { RunRows } from "@runlease/core"
import { Array, Struct } from "effect"
import type { Columns } from "../rows/Columns.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { movedColumns, type Row, stateRow, tableOf } from "../rows/RunCodec.js"
import { movingColumns, stateColumns, type StateTable } from "../rows/RunRow.js"
import { keyRows } from "./RunQueries.js"

type Statements = ReadonlyArray<Statement<object>>

const byTable = <A extends { readonly table: StateTable }>(
  all: ReadonlyArray<A>,
): ReadonlyArray<readonly [StateTable, ReadonlyArray<A>]> => {
  const groups = Array.groupBy(all, ({ table }) => table)
  return Struct.keys(stateColumns).flatMap((table) => {
    const group = groups[table]
    return group === undefined ? [] : [[table, group] as const]
  })
}

/** Rows that enter their tables. */
export const insert = (
  database: Database,
  states: ReadonlyArray<Pick<RunRows.Change, "key" | "after" | "details">>,
): Statements =>
  byTable(
    states.map(({ after, details, key }) => ({ table: tableOf(after), row: stateRow(key, after, details) })),
  ).map(([table, entering]) =>
    BulkStatements.insert<Columns, object>(
      database,
      table,
      stateColumns[table],
      entering.map(({ row }) => row),
    ),
  )

const remove = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements =>
  byTable(changes.map(({ before, key }) => ({ table: tableOf(before), key }))).map(([table, leaving]) => {
    const { sql } = database
    const keys = keyRows(
      database,
      leaving.map(({ key }) => key),
    )
    return sql<object>`DELETE FROM ${sql.literal(table)} WHERE run_pk IN (SELECT run_pk FROM ${keys} v)`
  })

/** Rows in which the same columns have changed. */
interface Group {
  readonly names: ReadonlyArray<string>
  readonly rows: globalThis.Array<Row & { readonly run_pk: number }>
}

/** One statement for all rows in which the same columns have changed, so that no other column and no other index is touched. */
const update = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const moved = changes.map(({ after, before, key }) => ({
    table: tableOf(after),
    key,
    columns: movedColumns(before, after),
  }))
  return byTable(moved).flatMap(([table, rows]) => {
    const groups = new Map<string, Group>()
    for (const { columns, key } of rows) {
      const names = Object.keys(columns)
      const row = { ...columns, run_pk: key }
      const group = groups.get(names.join())
      if (group !== undefined) group.rows.push(row)
      else if (names.length > 0) groups.set(names.join(), { names, rows: [row] })
    }
    return Array.fromIterable(groups.values()).map((group) =>
      BulkStatements.update<Columns, string>(database, table, movingColumns[table], group.names, group.rows),
    )
  })
}

/** The statements of these changes, no two of which write the same row. */
export const write = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const [staying, going] = Array.partition(changes, ({ after, before }) => tableOf(after) !== tableOf(before))
  return [...update(database, staying), ...remove(database, going), ...insert(database, going)]
}
