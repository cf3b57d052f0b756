/**
 * The statements that write a state over the one before: within its table, or from one table into another.
 *
 * SQLite copies what stays, and only what has changed is bound. Each statement is prepared once for its set of columns.
 *
 * @since 0.1.0
 */
import type { RunRows } from "@runlease/core/store"
import type { StateTable } from "../rows/RunFields.js"
import { stateColumns } from "../rows/RunRow.js"
import * as SeenLease from "../rows/SeenLease.js"
import * as StateRows from "../rows/StateRows.js"
import type { Value } from "../rows/Columns.js"
import type { Prepare, Prepared } from "./SqliteStatements.js"

/** Writes the state of a change. Throws `SeenLease.changed` when the run is not where, or its lease not as, the change saw it. */
export type Write = (change: RunRows.Change) => void

/** The condition of the row that a change has seen, whose values are the key and those of `seenBy`. */
const conditionOf = (table: StateTable): string =>
  table === "leases" ? `run_pk = ? AND ${SeenLease.condition(() => "?")}` : "run_pk = ?"

const seenBy = ({ before, key }: RunRows.Change, table: StateTable): ReadonlyArray<Value> =>
  table === "leases" ? [key, ...SeenLease.valuesOf(before)] : [key]

/** Prepares a statement for each set of columns. */
const byColumns = (prepare: Prepare, table: StateTable, text: (bound: ReadonlyArray<string>) => string) => {
  const prepared = new Map<number, Prepared>()
  return (written: StateRows.Written): Prepared => {
    const before = prepared.get(written.columns)
    if (before !== undefined) return before
    const statement = prepare(text(StateRows.namesOf(table, written)))
    prepared.set(written.columns, statement)
    return statement
  }
}

const staying = (prepare: Prepare, table: StateTable): Write => {
  const difference = StateRows.changedIn[table]
  const condition = conditionOf(table)
  const update = byColumns(prepare, table, (bound) => {
    const assignments = bound.map((name) => `${name} = ?`)
    return `UPDATE ${table} SET ${assignments.join(", ")} WHERE ${condition}`
  })
  const check = prepare(`SELECT 1 FROM ${table} WHERE ${condition}`)
  return (change) => {
    const written = difference(change.before, change.after, change.details)
    const seen = seenBy(change, table)
    const found =
      written.columns === 0
        ? table !== "leases" || check.get(...seen) !== undefined
        : update(written).run(...written.values, ...seen).changes === 1
    if (!found) throw SeenLease.changed()
  }
}

const moving = (prepare: Prepare, from: StateTable, to: StateTable): Write => {
  const difference = StateRows.differenceOf(from, to)
  const insert = byColumns(prepare, to, (bound) => {
    const names = StateRows.allNamesOf(to).filter(
      (name) => bound.includes(name) || name in stateColumns[from],
    )
    return `INSERT INTO ${to} (run_pk, ${names.join(", ")})
      SELECT run_pk, ${names.map((name) => (bound.includes(name) ? "?" : name)).join(", ")} FROM ${from} WHERE run_pk = ?`
  })
  const remove = prepare(`DELETE FROM ${from} WHERE ${conditionOf(from)}`)
  return (change) => {
    const written = difference(change.before, change.after, change.details)
    insert(written).run(...written.values, change.key)
    if (remove.run(...seenBy(change, from)).changes !== 1) throw SeenLease.changed()
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (prepare: Prepare): Write => {
  const all = StateRows.byTable((from) =>
    StateRows.byTable((to) => (from === to ? staying(prepare, to) : moving(prepare, from, to))),
  )
  return (change) => all[StateRows.tableOf(change.before)][StateRows.tableOf(change.after)](change)
}
