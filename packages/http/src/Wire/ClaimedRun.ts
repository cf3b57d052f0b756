/** A run as a worker gets it when it claims. */
import { Ids, RequestSnapshot, Run } from "@runlease/core"
import { DateTime, Schema } from "effect"
import { as, nullish, Timestamp } from "../Wire.js"
import { ConversationStatus, shownTargets, targetKeys, runtimeTarget, sourceTarget } from "./Run.js"
import { WorkerSession } from "./Session.js"
import { Snapshot } from "./Submission.js"

/** Every key is there. Those after the targets may be missing from another server. */
const wire = Schema.Struct({
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
  ...shownTargets,
  lease_epoch: nullish(Run.LeaseEpoch),
  attempt: nullish(Schema.NonNegativeInt),
  max_attempts: nullish(Schema.NonNegativeInt),
  waited_ms: nullish(Schema.NonNegativeInt),
  queued_ms: nullish(Schema.NonNegativeInt),
  inbox: nullish(Schema.Positive.pipe(Schema.int())),
  budget_root_run_id: nullish(Ids.RunId),
})

type LeasedRun = Omit<Run.ClaimedRun, "snapshot">

const toLeasedRun = (run: typeof wire.Type): LeasedRun => ({
  runId: run.run_id,
  conversationId: run.conversation_id,
  messageId: run.message_id,
  projectId: run.project_id,
  agentId: run.agent_id,
  status: run.status,
  latestEventId: run.latest_event_id,
  latestSequence: run.latest_external_event_sequence,
  leaseOwner: run.lease_owner,
  leaseExpiresAt: run.lease_expires_at,
  session: run.worker_session,
  sourceTarget: sourceTarget(run),
  runtimeTarget: runtimeTarget(run),
  leaseEpoch: run.lease_epoch ?? null,
  attempt: run.attempt ?? 1,
  maxAttempts: run.max_attempts ?? null,
  waitedMillis: run.waited_ms ?? 0,
  ...(run.queued_ms == null ? {} : { queuedMillis: run.queued_ms }),
  ...(run.inbox == null ? {} : { inbox: run.inbox }),
  ...(run.budget_root_run_id == null ? {} : { budgetRoot: run.budget_root_run_id }),
})

const fromLeasedRun = (run: LeasedRun, snapshot: typeof wire.Type.request_snapshot): typeof wire.Type => ({
  run_id: run.runId,
  conversation_id: run.conversationId,
  message_id: run.messageId,
  project_id: run.projectId,
  agent_id: run.agentId,
  status: run.status,
  request_snapshot: snapshot,
  latest_event_id: run.latestEventId,
  latest_external_event_sequence: run.latestSequence,
  lease_owner: run.leaseOwner,
  lease_expires_at: run.leaseExpiresAt,
  worker_session: run.session,
  ...targetKeys(run),
  lease_epoch: run.leaseEpoch,
  attempt: run.attempt,
  max_attempts: run.maxAttempts,
  waited_ms: run.waitedMillis,
  ...(run.queuedMillis === undefined ? {} : { queued_ms: run.queuedMillis }),
  ...(run.inbox === undefined ? {} : { inbox: run.inbox }),
  ...(run.budgetRoot === undefined ? {} : { budget_root_run_id: run.budgetRoot }),
})

/** If the server sends none, the snapshot is empty and the attempt is 1. */
export const ClaimedRun = as<Run.ClaimedRun>()(wire, {
  decode: (run) => ({ ...toLeasedRun(run), snapshot: run.request_snapshot ?? RequestSnapshot.empty }),
  encode: (run) => fromLeasedRun(run, run.snapshot),
}).annotations({ identifier: "ClaimedRun" })

/** A run whose lease was renewed. Its snapshot is null: its holder got that when it claimed. */
export const RenewedRun = as<LeasedRun>()(wire, {
  decode: toLeasedRun,
  encode: (run) => fromLeasedRun(run, null),
}).annotations({ identifier: "RenewedRun" })

const encodeStatus = Schema.encodeSync(ConversationStatus)
const encodeSession = Schema.encodeSync(Schema.NullOr(WorkerSession))

/** The JSON of a run that a port gave: as `ClaimedRun` encodes it, without its checks. */
export const toJson = (run: Run.ClaimedRun): typeof wire.Encoded => ({
  ...fromLeasedRun(run, run.snapshot),
  status: encodeStatus(run.status),
  lease_expires_at: run.leaseExpiresAt && DateTime.formatIso(run.leaseExpiresAt),
  worker_session: run.session && encodeSession(run.session),
})
