/**
 * Adds what a commit has counted, on the handle of an SQLite file.
 *
 * @since 0.1.0
 */
import type { CounterRows } from "@runlease/core/store"
import type Sqlite from "better-sqlite3"
import { deltaColumns, deltaRow } from "../rows/CounterRow.js"
import * as SqliteStatements from "./SqliteStatements.js"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  database: Sqlite.Database,
): ((counted: ReadonlyArray<CounterRows.CounterDelta>) => void) => {
  const insert = SqliteStatements.inserter(
    SqliteStatements.preparing(database),
    "counter_deltas",
    deltaColumns,
  )
  return (counted) => {
    for (const delta of counted) insert({ ...deltaRow(delta) })
  }
}
