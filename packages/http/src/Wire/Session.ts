/**
 * Worker sessions on the wire.
 *
 * @since 0.1.0
 */
import { Ids, WorkerSession as Core } from "@runlease/core"
import { Schema } from "effect"
import { Description, from, Json, renamed, Timestamp } from "../Wire.js"

/** The session a worker recorded for a run. */
export const WorkerSession = renamed({
  id: Ids.SessionId,
  runId: from("run_id")(Ids.RunId),
  implementationKind: from("implementation_kind")(Schema.String),
  workerId: from("worker_id")(Schema.NullOr(Ids.WorkerId)),
  sessionKey: from("session_key")(Schema.String),
  status: Core.SessionStatus,
  createdAt: from("created_at")(Timestamp),
  updatedAt: from("updated_at")(Timestamp),
  endedAt: from("ended_at")(Schema.NullOr(Timestamp)),
  metadata: Json,
}).annotations({ identifier: "WorkerSession" })

/** The session that a worker records. */
export const SessionRecord = renamed({
  sessionKey: from("session_key")(Ids.text(512)),
  status: Schema.optional(Core.SessionStatus),
  metadata: Schema.optional(Description),
}).annotations({ identifier: "SessionRecord" })
