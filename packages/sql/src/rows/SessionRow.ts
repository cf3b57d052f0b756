/**
 * The columns of a worker session.
 *
 * @since 0.1.0
 */
import type { Ids, WorkerSession } from "@runlease/core"
import { Struct } from "effect"
import type { Columns } from "./Columns.js"

export const sessionColumns = {
  session_id: "text",
  session_kind: "text",
  session_worker_id: "text",
  session_key: "text",
  session_status: "text",
  session_metadata: "text",
  session_created_at: "integer",
  session_updated_at: "integer",
  session_ended_at: "integer",
} as const satisfies Columns

export const sessionNames = Struct.keys(sessionColumns)

export interface SessionRow {
  readonly session_id: Ids.SessionId | null
  readonly session_kind: string | null
  readonly session_worker_id: Ids.WorkerId | null
  readonly session_key: string | null
  readonly session_status: WorkerSession.SessionStatus | null
  readonly session_metadata: string | null
  readonly session_created_at: number | null
  readonly session_updated_at: number | null
  readonly session_ended_at: number | null
}
