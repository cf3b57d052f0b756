/**
 * Schedules over the state in memory.
 */
import { Clock, Effect } from "effect"
import { dueAt } from "../rules/ScheduleHealth.js"
import type { ScheduleKey, ScheduleReads, ScheduleRows, StoredSchedule } from "../store/rows/ScheduleRows.js"
import type { State } from "./State.js"

const byNext = (a: StoredSchedule, b: StoredSchedule): number =>
  dueAt(a.record)! - dueAt(b.record)! || a.key - b.key

/** Puts a schedule in its place, or takes it away, until the transaction is undone. */
const place = (state: State, key: ScheduleKey, schedule: StoredSchedule | undefined): void => {
  const before = state.schedules.get(key)
  const put = (value: StoredSchedule | undefined): void => {
    if (value === undefined) state.schedules.delete(key)
    else state.schedules.set(key, value)
  }
  put(schedule)
  state.undo.push(() => put(before))
}

const find =
  (state: State): ScheduleRows<never>["find"] =>
  ({ projectId, scheduleId }) =>
    Effect.sync(() =>
      Array.from(state.schedules.values()).find(
        ({ record }) => record.id === scheduleId && record.projectId === projectId,
      ),
    )

export const rows = (state: State): ScheduleRows<never> => ({
  civilNow: Clock.currentTimeMillis,
  find: find(state),

  due: (now, { count }) =>
    Effect.sync(() =>
      Array.from(state.schedules.values())
        .filter(({ record }) => {
          const due = dueAt(record)
          return due !== null && due <= now
        })
        .sort(byNext)
        .slice(0, count),
    ),

  ofSource: (projectId, source) =>
    Effect.sync(() =>
      Array.from(state.schedules.values()).filter(
        ({ record }) => record.projectId === projectId && record.source === source,
      ),
    ),

  insert: (records) =>
    Effect.sync(() => {
      for (const record of records) {
        state.lastScheduleKey += 1
        place(state, state.lastScheduleKey, { key: state.lastScheduleKey, record })
      }
    }),

  update: (schedules) =>
    Effect.sync(() => {
      for (const { key, record } of schedules) place(state, key, { key, record })
    }),

  remove: (keys) =>
    Effect.sync(() => {
      for (const key of keys) place(state, key, undefined)
    }),
})

/** When the next schedule is due; null for never. */
export const nextDue = (state: State): number | null => {
  let next: number | null = null
  for (const { record } of state.schedules.values()) {
    const due = dueAt(record)
    if (due !== null && (next === null || due < next)) next = due
  }
  return next
}

export const reads = (state: State): ScheduleReads<never> => ({
  civilNow: Clock.currentTimeMillis,
  find: find(state),

  list: (projectId, { source, sourceTriggerId, stale, status }, { before, limit }) =>
    Effect.sync(() =>
      Array.from(state.schedules.values())
        .filter(
          ({ key, record }) =>
            key < before &&
            record.projectId === projectId &&
            (status === undefined || record.status === status) &&
            (stale !== true || record.stale === true) &&
            (source === undefined || record.source === source) &&
            (sourceTriggerId === undefined || record.sourceTriggerId === sourceTriggerId),
        )
        .sort((a, b) => b.key - a.key)
        .slice(0, limit + 1),
    ),
})
