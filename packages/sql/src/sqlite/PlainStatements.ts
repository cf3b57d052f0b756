/**
 * Statements of a commit on the handle of an SQLite file, each prepared once.
 *
 * @since 0.1.0
 */
import type Sqlite from "better-sqlite3"
import type { Columns } from "../rows/Columns.js"

type Value = string | number | null

type Values = Readonly<Record<string, unknown>>

/**
 * @since 0.1.0
 * @category models
 */
export interface PlainStatements {
  /** Prepares a statement once. Its rows are arrays of values. */
  readonly prepare: (text: string) => Sqlite.Statement<Array<Value>, Array<Value>>
  /** Makes the function that inserts a row. Columns that the row lacks are null. */
  readonly inserter: (table: string, columns: Columns) => (row: Values) => number
  /**
   * Makes the function that updates the columns of a run that a row has, and returns whether it has found the run. `condition`
   * is a further condition, whose values come last.
   */
  readonly updater: (
    table: string,
    condition?: string,
  ) => (key: number, row: Readonly<Record<string, Value>>, values?: ReadonlyArray<Value>) => boolean
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Sqlite.Database): PlainStatements => {
  const prepared = new Map<string, Sqlite.Statement<Array<Value>, Array<Value>>>()

  const prepare = (text: string) => {
    const before = prepared.get(text)
    if (before !== undefined) return before
    const statement = database.prepare<Array<Value>, Array<Value>>(text)
    if (statement.reader) statement.raw(true)
    prepared.set(text, statement)
    return statement
  }

  return {
    prepare,

    inserter: (table, columns) => {
      const names = Object.keys(columns)
      const places = names.map(() => "?").join(", ")
      const text = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`
      return (row) =>
        Number(prepare(text).run(...names.map((name) => (row[name] ?? null) as Value)).lastInsertRowid)
    },

    updater: (table, condition) => {
      const where = `WHERE run_pk = ?${condition === undefined ? "" : ` AND ${condition}`}`
      return (key, row, values = []) => {
        const names = Object.keys(row)
        if (names.length === 0) {
          return (
            condition === undefined ||
            prepare(`SELECT 1 FROM ${table} ${where}`).get(key, ...values) !== undefined
          )
        }
        const text = `UPDATE ${table} SET ${names.map((name) => `${name} = ?`).join(", ")} ${where}`
        return prepare(text).run(...names.map((name) => row[name]!), key, ...values).changes === 1
      }
    },
  }
}
