/**
 * Bulk operations over the state in memory.
 */
import { Effect } from "effect"
import type { BulkReads, BulkRows, StoredBulk } from "../store/rows/BulkRows.js"
import type { State } from "./State.js"

const find =
  (state: State): BulkRows<never>["find"] =>
  ({ bulkId, projectId }) =>
    Effect.sync(() =>
      Array.from(state.bulk.values()).find(
        ({ record }) => record.id === bulkId && record.projectId === projectId,
      ),
    )

const running = (state: State): ReadonlyArray<StoredBulk> =>
  Array.from(state.bulk.values()).filter(({ record }) => record.status === "running")

/** Whether a bulk operation has runs left. */
export const someRuns = (state: State): boolean => running(state).length > 0

/** Puts an operation in its place, until the transaction is undone. */
const place = (state: State, bulk: StoredBulk): void => {
  const before = state.bulk.get(bulk.key)
  state.bulk.set(bulk.key, bulk)
  state.undo.push(() => {
    if (before === undefined) state.bulk.delete(bulk.key)
    else state.bulk.set(bulk.key, before)
  })
}

export const rows = (state: State): BulkRows<never> => ({
  next: Effect.sync(
    () => running(state).toSorted((a, b) => a.record.updatedAt - b.record.updatedAt || a.key - b.key)[0],
  ),

  find: find(state),

  insert: (record) =>
    Effect.sync(() => {
      state.lastBulkKey += 1
      place(state, { key: state.lastBulkKey, record })
    }),

  update: (bulk) => Effect.sync(() => place(state, bulk)),
})

export const reads = (state: State): BulkReads<never> => ({
  find: find(state),

  list: (projectId, { status }, { before, limit }) =>
    Effect.sync(() =>
      Array.from(state.bulk.values())
        .filter(
          ({ key, record }) =>
            key < before &&
            record.projectId === projectId &&
            (status === undefined || record.status === status),
        )
        .toReversed()
        .slice(0, limit + 1),
    ),
})
