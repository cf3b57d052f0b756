/**
 * The rows of states, and what changes in them.
 *
 * @since 0.1.0
 */
import type { RunRows, RunState } from "@runlease/core/store"
import type { Value } from "./Columns.js"
import { type Encoder, encodersFor, type Fields } from "./Fields.js"
import { type Row, rowOf } from "./RunCodec.js"
import {
  detailFields,
  holderFields,
  indexFields,
  specFields,
  stateFields,
  type StateTable,
} from "./RunFields.js"
import { stateColumns } from "./RunRow.js"

type Details = Pick<RunRows.DetailChanges, "metadata" | "result">

const noDetails: Details = {}

/** Part of a run whose fields are columns of its state. It is null where a run has none. */
interface Part {
  readonly of: (state: RunState.RunState, details: Details) => Readonly<Record<string, unknown>> | null
  readonly encoders: ReadonlyArray<Encoder<Readonly<Record<string, unknown>>>>
}

const part = <A extends object>(
  table: StateTable,
  fields: Fields<A>,
  of: (state: RunState.RunState, details: Details) => object | null,
): Part => ({ of: of as Part["of"], encoders: encodersFor(table, fields) as unknown as Part["encoders"] })

const partsOf = (table: StateTable): ReadonlyArray<Part> => [
  part(table, specFields, ({ spec }) => spec),
  part(table, stateFields, (state) => state),
  part(table, holderFields, ({ holder }) => holder),
  part(table, detailFields, (_state, details) => details),
]

/** A value for each state. */
export const byTable = <A>(of: (table: StateTable) => A): Readonly<Record<StateTable, A>> => ({
  queue: of("queue"),
  leases: of("leases"),
  waits: of("waits"),
  outcomes: of("outcomes"),
})

const parts = byTable(partsOf)

const indexedIn = byTable((table) => indexFields.filter((field) => field.table === table))

/** The table that a run in this state stands in. */
export const tableOf = ({ status }: Pick<RunState.RunState, "status">): StateTable =>
  status === "pending"
    ? "queue"
    : status === "running"
      ? "leases"
      : status === "waiting"
        ? "waits"
        : "outcomes"

/** The values of a state in its table, in the order of the table's `stateColumns`. An outcome has its metadata and its result. */
export const stateValues = (
  key: number,
  state: RunState.RunState,
  details: Details = noDetails,
): ReadonlyArray<Value> => {
  const table = tableOf(state)
  const values: Array<Value> = [key]
  for (const { encoders, of } of parts[table]) {
    const value = of(state, details)
    for (const { encode, name } of encoders) values.push(value === null ? null : encode(value[name]))
  }
  for (const { of } of indexedIn[table]) values.push(of(state))
  return values
}

const namesIn = byTable((table) => Object.keys(stateColumns[table]))

/** The same as a row. */
export const stateRow = (key: number, state: RunState.RunState, details: Details): Row =>
  rowOf(namesIn[tableOf(state)], stateValues(key, state, details))

/** Columns of a state that are written: as bits in the order of `columnsOf`, 53 at most, and their values. */
export interface Written {
  readonly columns: number
  readonly values: ReadonlyArray<Value>
}

/** The columns of a table but its key, in the order of the bits of `Written`. */
const columnsOf = byTable((table) => namesIn[table].slice(1))

/** The names of the columns that have been written. */
export const namesOf = (table: StateTable, { columns }: Pick<Written, "columns">): ReadonlyArray<string> =>
  columnsOf[table].filter((_name, index) => Math.floor(columns / 2 ** index) % 2 === 1)

/** All columns of a table but its key. */
export const allNamesOf = (table: StateTable): ReadonlyArray<string> => columnsOf[table]

/**
 * Makes the function that finds what a change writes into a table over a row of the same or another one: the columns that differ, and of
 * those that the other table lacks the ones with a value. What is the same as before is not encoded again.
 */
export const differenceOf = (from: StateTable, to: StateTable) => {
  const stored = (column: string) => column in stateColumns[from]
  const compared = parts[to].map(({ encoders, of }) => ({
    of,
    columns: encoders.map((encoder) => ({ ...encoder, isStored: stored(encoder.column) })),
    areStored: encoders.every(({ column }) => stored(column)),
    width: 2 ** encoders.length,
  }))
  const indexed = indexedIn[to].map((field) => ({ ...field, isStored: stored(field.column) }))
  return (before: RunState.RunState, after: RunState.RunState, details: Details = noDetails): Written => {
    let bits = 0
    let bit = 1
    const values: Array<Value> = []
    for (const { areStored, columns, of, width } of compared) {
      const old = of(before, noDetails)
      const next = of(after, details)
      if (areStored && old === next) {
        bit *= width
        continue
      }
      for (const { encode, isStored, name } of columns) {
        const value = next === null ? null : next[name]
        if (!isStored || (old === null ? null : old[name]) !== value) {
          const written = next === null ? null : encode(value)
          if (isStored || written !== null) {
            bits += bit
            values.push(written)
          }
        }
        bit *= 2
      }
    }
    for (const { isStored, of } of indexed) {
      const value = of(after)
      if (isStored ? of(before) !== value : value !== null) {
        bits += bit
        values.push(value)
      }
      bit *= 2
    }
    return { columns: bits, values }
  }
}

/** What a change writes into the table that its run stays in. */
export const changedIn = byTable((table) => differenceOf(table, table))
