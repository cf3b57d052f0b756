/**
 * The statements that write a state over the one before: within its table, or from one table into another.
 *
 * SQLite copies what stays, and only what has changed is bound. Each statement is prepared once for its set of columns.
 *
 * @since 0.1.0
 */
import type { RunRows } from "@runlease/core/store"
import { stateColumns, type StateTable } from "../rows/RunRow.js"
import * as SeenLease from "../rows/SeenLease.js"
import { noDetails, parts, tableOf } from "../rows/StateRows.js"
import type { Prepare, Prepared, Value } from "./SqliteStatements.js"

/** Writes the state of a change. Throws `SeenLease.changed` when the run is not where, or its lease not as, the change saw it. */
export type Write = (change: RunRows.Change) => void

/** The condition of the row that a change has seen, whose values are the key and those of `seenBy`. */
const conditionOf = (table: StateTable): string =>
  table === "leases" ? `run_pk = ? AND ${SeenLease.condition(() => "?")}` : "run_pk = ?"

const seenBy = ({ before, key }: RunRows.Change, table: StateTable): ReadonlyArray<Value> =>
  table === "leases" ? [key, ...SeenLease.valuesOf(before)] : [key]

/** What a change binds: the columns, as bits in the order of the table's parts, and their values. */
interface Bound {
  readonly columns: number
  readonly values: ReadonlyArray<Value>
}

/** Binds the columns that differ, and of those that the table before lacks the ones with a value. */
const binding = (from: StateTable, to: StateTable) => {
  const columns = parts[to].map((part) => ({ ...part, stored: part.name in stateColumns[from] }))
  return ({ after, before, details }: RunRows.Change): Bound => {
    let bits = 0
    const values: Array<Value> = []
    for (let index = 0; index < columns.length; index += 1) {
      const { encode, of, stored } = columns[index]!
      if (stored && of(before, noDetails) === of(after, details)) continue
      const value = encode(after, details)
      if (!stored && value === null) continue
      bits |= 1 << index
      values.push(value)
    }
    return { columns: bits, values }
  }
}

/** Prepares a statement for each set of columns. */
const byColumns = (prepare: Prepare, table: StateTable, text: (bound: ReadonlySet<string>) => string) => {
  const prepared = new Map<number, Prepared>()
  return (columns: number): Prepared => {
    const before = prepared.get(columns)
    if (before !== undefined) return before
    const bound = parts[table].filter((_part, index) => (columns & (1 << index)) !== 0)
    const statement = prepare(text(new Set(bound.map(({ name }) => name))))
    prepared.set(columns, statement)
    return statement
  }
}

const staying = (prepare: Prepare, table: StateTable): Write => {
  const bind = binding(table, table)
  const condition = conditionOf(table)
  const update = byColumns(prepare, table, (bound) => {
    const assignments = Array.from(bound, (name) => `${name} = ?`)
    return `UPDATE ${table} SET ${assignments.join(", ")} WHERE ${condition}`
  })
  const check = prepare(`SELECT 1 FROM ${table} WHERE ${condition}`)
  return (change) => {
    const { columns, values } = bind(change)
    const seen = seenBy(change, table)
    const found =
      columns === 0
        ? table !== "leases" || check.get(...seen) !== undefined
        : update(columns).run(...values, ...seen).changes === 1
    if (!found) throw SeenLease.changed()
  }
}

const moving = (prepare: Prepare, from: StateTable, to: StateTable): Write => {
  const bind = binding(from, to)
  const insert = byColumns(prepare, to, (bound) => {
    const names = parts[to]
      .map(({ name }) => name)
      .filter((name) => bound.has(name) || name in stateColumns[from])
    return `INSERT INTO ${to} (run_pk, ${names.join(", ")})
      SELECT run_pk, ${names.map((name) => (bound.has(name) ? "?" : name)).join(", ")} FROM ${from} WHERE run_pk = ?`
  })
  const remove = prepare(`DELETE FROM ${from} WHERE ${conditionOf(from)}`)
  return (change) => {
    const { columns, values } = bind(change)
    insert(columns).run(...values, change.key)
    if (remove.run(...seenBy(change, from)).changes !== 1) throw SeenLease.changed()
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (prepare: Prepare): Write => {
  const writes = (from: StateTable): Readonly<Record<StateTable, Write>> => {
    const write = (to: StateTable) => (from === to ? staying(prepare, to) : moving(prepare, from, to))
    return {
      queue: write("queue"),
      leases: write("leases"),
      waits: write("waits"),
      outcomes: write("outcomes"),
    }
  }
  const all = {
    queue: writes("queue"),
    leases: writes("leases"),
    waits: writes("waits"),
    outcomes: writes("outcomes"),
  }
  return (change) => all[tableOf(change.before)][tableOf(change.after)](change)
}
