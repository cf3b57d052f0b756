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

/** Writes states. Throws `SeenLease.changed` when a run is not where, or its lease not as, its change saw it. */
export type Write = (changes: ReadonlyArray<RunRows.Change>) => void

/** The fewest runs that one statement moves together. */
const fewest = 4

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
  return (changes) => {
    for (const change of changes) {
      const written = difference(change.before, change.after, change.details)
      const seen = seenBy(change, table)
      const found =
        written.columns === 0
          ? table !== "leases" || check.get(...seen) !== undefined
          : update(written).run(...written.values, ...seen).changes === 1
      if (!found) throw SeenLease.changed()
    }
  }
}

/** Makes the statement that copies a row of these keys from one table into another, where `bound` columns get values. */
const copying =
  (from: StateTable, to: StateTable, source: string) =>
  (bound: ReadonlyArray<string>): string => {
    const names = StateRows.allNamesOf(to).filter(
      (name) => bound.includes(name) || name in stateColumns[from],
    )
    return `INSERT INTO ${to} (run_pk, ${names.join(", ")})
      SELECT run_pk, ${names.map((name) => (bound.includes(name) ? "?" : name)).join(", ")} FROM ${source}`
  }

const isSame = (a: StateRows.Written, b: StateRows.Written): boolean =>
  a.columns === b.columns && a.values.every((value, index) => value === b.values[index])

/** Moves one row after the other, each with its own values and its own condition. */
const movingEach = (prepare: Prepare, from: StateTable, to: StateTable) => {
  const insert = byColumns(prepare, to, copying(from, to, `${from} WHERE run_pk = ?`))
  const remove = prepare(`DELETE FROM ${from} WHERE ${conditionOf(from)}`)
  return (change: RunRows.Change, written: StateRows.Written): void => {
    insert(written).run(...written.values, change.key)
    if (remove.run(...seenBy(change, from)).changes !== 1) throw SeenLease.changed()
  }
}

/** Moves the rows of some keys, all with the same values. */
const movingAll = (prepare: Prepare, from: StateTable, to: StateTable) => {
  const source = `(SELECT value AS moved FROM json_each(?)) CROSS JOIN ${from} ON run_pk = moved`
  const insert = byColumns(prepare, to, copying(from, to, source))
  const remove = prepare(`DELETE FROM ${from} WHERE run_pk IN (SELECT value FROM json_each(?))`)
  return (keys: ReadonlyArray<number>, written: StateRows.Written): void => {
    const text = JSON.stringify(keys)
    insert(written).run(...written.values, text)
    if (remove.run(text).changes !== keys.length) throw SeenLease.changed()
  }
}

/** A lease has a condition of its own, so leases are moved one after the other. */
const moving = (prepare: Prepare, from: StateTable, to: StateTable): Write => {
  const difference = StateRows.differenceOf(from, to)
  const moveEach = movingEach(prepare, from, to)
  const moveAll = from === "leases" ? undefined : movingAll(prepare, from, to)
  const differenceOf = ({ after, before, details }: RunRows.Change) => difference(before, after, details)
  return (changes) => {
    if (moveAll === undefined || changes.length < fewest) {
      for (const change of changes) moveEach(change, differenceOf(change))
      return
    }
    const written = changes.map(differenceOf)
    for (let start = 0, end = 0; start < changes.length; start = end) {
      const first = written[start]!
      end = start + 1
      while (end < changes.length && isSame(first, written[end]!)) end += 1
      const same = changes.slice(start, end)
      if (same.length < fewest) for (const change of same) moveEach(change, first)
      else
        moveAll(
          same.map(({ key }) => key),
          first,
        )
    }
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
  const writeOf = ({ after, before }: RunRows.Change): Write =>
    all[StateRows.tableOf(before)][StateRows.tableOf(after)]
  return (changes) => {
    const groups = new Map<Write, Array<RunRows.Change>>()
    for (const change of changes) {
      const write = writeOf(change)
      const group = groups.get(write)
      if (group === undefined) groups.set(write, [change])
      else group.push(change)
    }
    for (const [write, group] of groups) write(group)
  }
}
