/** What an agent keeps between attempts: the key by which its own session can be resumed. */
import { Schema } from "effect"
import * as Ids from "./Ids.js"

export const SessionStatus = Schema.Literal("active", "completed", "failed", "cancelled")
export type SessionStatus = typeof SessionStatus.Type

/** A session recorded by a worker for a run. One per run; recording again updates it. */
export const WorkerSession = Schema.Struct({
  id: Ids.SessionId,
  runId: Ids.RunId,
  implementationKind: Schema.String,
  workerId: Schema.NullOr(Ids.WorkerId),
  /** 1 to 512 characters, the agent's own name for its session. */
  sessionKey: Schema.String,
  status: SessionStatus,
  metadata: Schema.Unknown,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber,
  endedAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
})
export type WorkerSession = typeof WorkerSession.Type

/** The session that a worker records. Without `metadata` the recorded metadata stays. */
export const SessionRecord = Schema.Struct({
  sessionKey: Ids.text(512),
  status: Schema.optional(SessionStatus),
  metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
})
export type SessionRecord = typeof SessionRecord.Type
