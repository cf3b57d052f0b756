/**
 * Worker sessions on the wire.
 *
 * @since 0.1.0
 */
import { Ids, WorkerSession as Core } from "@runlease/core"
import { Schema } from "effect"
import { as, JsonObject, Timestamp } from "../Wire.js"

/** The session a worker recorded for a run. */
export const WorkerSession = as<Core.WorkerSession>()(
  Schema.Struct({
    id: Ids.SessionId,
    run_id: Ids.RunId,
    implementation_kind: Schema.String,
    worker_id: Schema.NullOr(Ids.WorkerId),
    session_key: Schema.String,
    status: Core.SessionStatus,
    created_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Schema.NullOr(Timestamp),
    metadata: Schema.Unknown,
  }),
  {
    decode: (wire) => ({
      id: wire.id,
      runId: wire.run_id,
      implementationKind: wire.implementation_kind,
      workerId: wire.worker_id,
      sessionKey: wire.session_key,
      status: wire.status,
      createdAt: wire.created_at,
      updatedAt: wire.updated_at,
      endedAt: wire.ended_at,
      metadata: wire.metadata,
    }),
    encode: (session) => ({
      id: session.id,
      run_id: session.runId,
      implementation_kind: session.implementationKind,
      worker_id: session.workerId,
      session_key: session.sessionKey,
      status: session.status,
      created_at: session.createdAt,
      updated_at: session.updatedAt,
      ended_at: session.endedAt,
      metadata: session.metadata ?? null,
    }),
  },
).annotations({ identifier: "WorkerSession" })

/** What a worker records. */
export const SessionRecord = as<Core.SessionRecord>()(
  Schema.Struct({
    session_key: Ids.text(512),
    status: Schema.optional(Core.SessionStatus),
    metadata: Schema.optional(JsonObject),
  }),
  {
    decode: (wire) => ({ sessionKey: wire.session_key, status: wire.status, metadata: wire.metadata }),
    encode: (record) => ({
      session_key: record.sessionKey,
      status: record.status,
      metadata: record.metadata,
    }),
  },
).annotations({ identifier: "SessionRecord" })
