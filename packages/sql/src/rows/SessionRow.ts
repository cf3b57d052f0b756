/** The columns of a worker session. */
import type { Ids, WorkerSession } from "@runlease/core"
import { DateTime, Struct } from "effect"
import type { Columns } from "./Columns.js"
import { fromJson, toJson } from "./Fields.js"

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

const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)

/** The session of a row; null where it has none. */
export const sessionOf = (runId: Ids.RunId, row: SessionRow): WorkerSession.WorkerSession | null =>
  row.session_id === null
    ? null
    : {
        id: row.session_id,
        runId,
        implementationKind: row.session_kind!,
        workerId: row.session_worker_id,
        sessionKey: row.session_key!,
        status: row.session_status!,
        metadata: fromJson(row.session_metadata),
        createdAt: instant(row.session_created_at!),
        updatedAt: instant(row.session_updated_at!),
        endedAt: row.session_ended_at === null ? null : instant(row.session_ended_at),
      }

export const sessionRow = (session: WorkerSession.WorkerSession): SessionRow => ({
  session_id: session.id,
  session_kind: session.implementationKind,
  session_worker_id: session.workerId,
  session_key: session.sessionKey,
  session_status: session.status,
  session_metadata: toJson(session.metadata),
  session_created_at: session.createdAt.epochMillis,
  session_updated_at: session.updatedAt.epochMillis,
  session_ended_at: session.endedAt?.epochMillis ?? null,
})
