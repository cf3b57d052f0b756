/** Worker sessions on the wire. */
import { Ids, WorkerSession as Core } from "@runlease/core"
import { Schema } from "effect"
import { Description, Json, renamed, Timestamp } from "../Wire.js"

/** The session a worker recorded for a run. */
export const WorkerSession = renamed({
  id: Ids.SessionId,
  runId: Ids.RunId,
  implementationKind: Schema.String,
  workerId: Schema.NullOr(Ids.WorkerId),
  sessionKey: Schema.String,
  status: Core.SessionStatus,
  createdAt: Timestamp,
  updatedAt: Timestamp,
  endedAt: Schema.NullOr(Timestamp),
  metadata: Json,
}).annotations({ identifier: "WorkerSession" })

export const SessionRecord = renamed({
  sessionKey: Ids.text(512),
  status: Schema.optional(Core.SessionStatus),
  metadata: Schema.optional(Description),
}).annotations({ identifier: "SessionRecord" })
