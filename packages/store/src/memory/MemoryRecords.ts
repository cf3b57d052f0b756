/**
 * Records over the state in memory.
 */
import { Effect } from "effect"
import type { Identified, RecordReads, RecordRows, RecordTable, StoredRecord } from "../rows/Records.js"
import type { State, Table } from "./State.js"

/** The records of a table, in the order of their keys. */
export const tableOf = <R extends Identified>(state: State, { name }: RecordTable<R>): Table<R> => {
  const before = state.recordTables.get(name)
  if (before !== undefined) return before as Table<R>
  const table: Table<R> = { rows: new Map(), lastKey: 0 }
  state.recordTables.set(name, table)
  return table
}

const all = <R extends Identified>(state: State, table: RecordTable<R>): ReadonlyArray<StoredRecord<R>> =>
  Array.from(tableOf(state, table).rows.values())

/** Puts a record in its place, or takes it away, until the transaction is undone. */
const place = <R extends Identified>(
  state: State,
  { rows }: Table<R>,
  key: number,
  stored: StoredRecord<R> | undefined,
): void => {
  const before = rows.get(key)
  const put = (value: StoredRecord<R> | undefined): void => {
    if (value === undefined) rows.delete(key)
    else rows.set(key, value)
  }
  put(stored)
  state.undo.push(() => put(before))
}

export const rows =
  (state: State) =>
  <R extends Identified>(table: RecordTable<R>): RecordRows<R, never> => ({
    find: ({ id, projectId }) =>
      Effect.sync(() =>
        all(state, table).find(({ record }) => record.id === id && record.projectId === projectId),
      ),

    due: (now, { count }, without) =>
      Effect.sync(() =>
        all(state, table)
          .flatMap((stored) => {
            const value = without && table.columns[without.column]?.of(stored.record)
            if (typeof value === "string" && without?.values.includes(value) === true) return []
            const dueAt = table.dueAt(stored.record)
            return dueAt === null || dueAt > now ? [] : [{ dueAt, stored }]
          })
          .sort((a, b) => a.dueAt - b.dueAt || a.stored.key - b.stored.key)
          .slice(0, count)
          .map(({ stored }) => stored),
      ),

    all: (projectId, column, value) =>
      Effect.sync(() =>
        all(state, table).filter(
          ({ record }) => record.projectId === projectId && table.columns[column]?.of(record) === value,
        ),
      ),

    shared: (refs) =>
      Effect.sync(() =>
        all(state, table).filter(({ record }) =>
          refs.some(({ id, projectId }) => record.id === id && record.projectId === projectId),
        ),
      ),

    ofProjects: (projectIds) =>
      Effect.sync(() => all(state, table).filter(({ record }) => projectIds.includes(record.projectId))),

    write: ({ inserted = [], removed = [], updated = [] }) =>
      Effect.sync(() => {
        const stored = tableOf(state, table)
        for (const record of inserted) {
          stored.lastKey += 1
          place(state, stored, stored.lastKey, { key: stored.lastKey, record })
        }
        for (const record of updated) place(state, stored, record.key, record)
        for (const key of removed) place(state, stored, key, undefined)
      }),
  })

/** When the next record of a table is due; null for never. */
export const nextDue = <R extends Identified>(state: State, table: RecordTable<R>): number | null => {
  let next: number | null = null
  for (const { record } of tableOf(state, table).rows.values()) {
    const due = table.dueAt(record)
    if (due !== null && (next === null || due < next)) next = due
  }
  return next
}

export const reads =
  (state: State) =>
  <R extends Identified>(table: RecordTable<R>): RecordReads<R, never> => ({
    list: (projectId, filter, { before, limit }) =>
      Effect.sync(() => {
        const wanted = Object.entries(filter).filter(([, value]) => value !== undefined)
        return all(state, table)
          .filter(
            ({ key, record }) =>
              key < before &&
              record.projectId === projectId &&
              wanted.every(([column, value]) =>
                column === "id" ? record.id === value : table.columns[column]?.of(record) === value,
              ),
          )
          .sort((a, b) => b.key - a.key)
          .slice(0, limit + 1)
      }),

    countDue: (now, most) =>
      Effect.sync(() => {
        const dues = all(state, table).map(({ record }) => table.dueAt(record))
        return Math.min(dues.filter((due) => due !== null && due <= now).length, most)
      }),

    projects: Effect.sync(() => Array.from(new Set(all(state, table).map(({ record }) => record.projectId)))),
  })
