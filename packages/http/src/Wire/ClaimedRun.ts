/**
 * A run as a worker gets it when it claims.
 *
 * @since 0.1.0
 */
import { Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { as, nullish, Timestamp } from "../Wire.js"
import { ConversationStatus } from "./RunStatus.js"
import { WorkerSession } from "./Session.js"
import { Snapshot } from "./Snapshot.js"
import * as Target from "./Target.js"

/** Every key is there. Those after the targets may be missing from another server. */
export const ClaimedRun = as<Run.ClaimedRun>()(
  Schema.Struct({
    run_id: Ids.RunId,
    conversation_id: Ids.ConversationId,
    message_id: Ids.MessageId,
    project_id: Schema.NullOr(Ids.ProjectId),
    agent_id: Ids.AgentId,
    status: ConversationStatus,
    request_snapshot: Schema.NullOr(Snapshot),
    latest_event_id: Run.EventId,
    latest_external_event_sequence: Run.Sequence,
    lease_owner: Schema.NullOr(Schema.String),
    lease_expires_at: Schema.NullOr(Timestamp),
    worker_session: Schema.NullOr(WorkerSession),
    ...Target.shown,
    lease_epoch: nullish(Run.LeaseEpoch),
    attempt: nullish(Schema.NonNegativeInt),
    max_attempts: nullish(Schema.NonNegativeInt),
    waited_ms: nullish(Schema.NonNegativeInt),
  }),
  {
    decode: (wire) => ({
      runId: wire.run_id,
      conversationId: wire.conversation_id,
      messageId: wire.message_id,
      projectId: wire.project_id,
      agentId: wire.agent_id,
      status: wire.status,
      snapshot: wire.request_snapshot,
      latestEventId: wire.latest_event_id,
      latestSequence: wire.latest_external_event_sequence,
      leaseOwner: wire.lease_owner,
      leaseExpiresAt: wire.lease_expires_at,
      session: wire.worker_session,
      sourceTarget: Target.source(wire),
      runtimeTarget: Target.runtime(wire),
      leaseEpoch: wire.lease_epoch ?? null,
      attempt: wire.attempt ?? null,
      maxAttempts: wire.max_attempts ?? null,
      waitedMillis: wire.waited_ms ?? 0,
    }),
    encode: (run) => ({
      run_id: run.runId,
      conversation_id: run.conversationId,
      message_id: run.messageId,
      project_id: run.projectId,
      agent_id: run.agentId,
      status: run.status,
      request_snapshot: run.snapshot,
      latest_event_id: run.latestEventId,
      latest_external_event_sequence: run.latestSequence,
      lease_owner: run.leaseOwner,
      lease_expires_at: run.leaseExpiresAt,
      worker_session: run.session,
      ...Target.keys(run),
      lease_epoch: run.leaseEpoch,
      attempt: run.attempt,
      max_attempts: run.maxAttempts,
      waited_ms: run.waitedMillis,
    }),
  },
).annotations({ identifier: "ClaimedRun" })
