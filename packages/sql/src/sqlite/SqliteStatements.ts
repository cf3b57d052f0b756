/**
 * Statements of a commit on the handle of an SQLite file, each prepared once.
 *
 * @since 0.1.0
 */
import type Sqlite from "better-sqlite3"
import type { Columns, Value } from "../rows/Columns.js"

type Values = Readonly<Record<string, unknown>>

/** A statement whose rows are arrays of values. */
export interface Prepared extends Sqlite.Statement<Array<Value>, Array<Value>> {}

export type Prepare = (text: string) => Prepared

/** Prepares statements on a handle. */
export const preparing =
  (database: Sqlite.Database): Prepare =>
  (text) => {
    const statement = database.prepare<Array<Value>, Array<Value>>(text)
    return statement.reader ? statement.raw(true) : statement
  }

/** Makes the function that inserts a row of values, in the order of the columns, and returns its key. */
export const valuesInserter = (
  prepare: Prepare,
  table: string,
  columns: Columns,
): ((values: ReadonlyArray<Value>) => number) => {
  const names = Object.keys(columns)
  const places = names.map(() => "?").join(", ")
  const insert = prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`)
  return (values) => Number(insert.run(...values).lastInsertRowid)
}

/** The same for rows. Columns that a row lacks are null. */
export const inserter = (prepare: Prepare, table: string, columns: Columns): ((row: Values) => number) => {
  const names = Object.keys(columns)
  const insert = valuesInserter(prepare, table, columns)
  const valueOf = (value: unknown): Value =>
    typeof value === "string" || typeof value === "number" ? value : null
  return (row) => insert(names.map((name) => valueOf(row[name])))
}
