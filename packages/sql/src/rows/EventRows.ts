/** Entries of logs as they are stored. */
import type { AgentEvent } from "@runlease/core"
import type { RunStore } from "@runlease/store"
import type { Columns } from "./Columns.js"
import { eventId, instant, sequence } from "./RunRow.js"

export const columns = {
  run_pk: "integer",
  event_id: "integer",
  sequence: "integer",
  payload: "text",
  created_at: "integer",
} as const satisfies Columns

export interface EntryRow {
  readonly event_id: number
  readonly sequence: number | null
  readonly payload: string
  readonly created_at: number
}

/** Rows of one log, in its order, as entries. */
export const toPiece = (rows: ReadonlyArray<EntryRow>): RunStore.LogPiece => ({
  entries: rows.map((row) => ({
    eventId: eventId(row.event_id),
    sequence: row.sequence === null ? null : sequence(row.sequence),
    event: JSON.parse(row.payload) as AgentEvent.LogEvent,
    createdAt: instant(row.created_at),
  })),
  bytes: rows.reduce((bytes, { payload }) => bytes + payload.length, 0),
})
