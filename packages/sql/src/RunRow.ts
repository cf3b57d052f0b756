/**
 * A run as its tables hold it, and as the domain knows it.
 *
 * @since 0.1.0
 */
import type { ControlEvents, Ids } from "@runlease/core"
import { LogState, Run, type WorkerSession } from "@runlease/core"
import { DateTime } from "effect"
import type { Columns } from "./Dialect.js"

/** `gate` of a pending run; and `pruned`, of a finished one that is being deleted in parts and exists for nobody. */
export const Gate = { runnable: 0, delayed: 1, behind: 2, pruned: 3 } as const

/** What `runs` holds of a run from its submission on. */
const fixedColumns = {
  project_id: "text",
  run_id: "text",
  conversation_id: "text",
  message_id: "text",
  agent_id: "text",
  implementation_kind: "text",
  worker_key: "text",
  lane: "text",
  priority: "integer",
  max_attempts: "integer",
  created_at: "integer",
} as const satisfies Columns

/** What an append changes. */
export const logColumns = {
  latest_event_id: "integer",
  latest_sequence: "integer",
  log_state: "text",
  updated_at: "integer",
} as const satisfies Columns

/** What any move of a run may change. */
export const movingColumns = {
  ...logColumns,
  status: "text",
  gate: "integer",
  available_at: "integer",
  attempt: "integer",
  lease_owner: "text",
  lease_epoch: "integer",
  lease_expires_at: "integer",
  past_attempt: "text",
  waiting: "text",
  waiting_expires_at: "integer",
  error: "text",
  started_at: "integer",
  finished_at: "integer",
} as const satisfies Columns

export const runColumns = { ...fixedColumns, ...movingColumns } as const

/** What `run_details` tells of every run; its submission, snapshot and answers are read apart. */
export const detailColumns = {
  mode: "text",
  parent_run_id: "text",
  root_run_id: "text",
  trigger_call: "text",
  source_target: "text",
  runtime_target: "text",
  metadata: "text",
} as const satisfies Columns

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

/** Every column of a run, for a SELECT from `runs r`, `run_details d` and `sessions s`. */
export const selected = [
  "r.run_pk",
  ...Object.keys(runColumns).map((name) => `r.${name}`),
  ...Object.keys(detailColumns).map((name) => `d.${name}`),
  ...Object.keys(sessionColumns).map((name) => `s.${name}`),
].join(", ")

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

/** A run as selected. JSON columns are text; instants are milliseconds since the epoch. */
export interface RunRow extends SessionRow {
  readonly run_pk: number
  readonly project_id: Ids.ProjectId
  readonly run_id: Ids.RunId
  readonly conversation_id: Ids.ConversationId
  readonly message_id: Ids.MessageId
  readonly agent_id: Ids.AgentId
  readonly implementation_kind: string | null
  readonly worker_key: string | null
  readonly lane: string | null
  readonly priority: number
  readonly max_attempts: number
  readonly created_at: number
  readonly latest_event_id: number
  readonly latest_sequence: number
  readonly log_state: string | null
  readonly updated_at: number
  readonly status: Run.RunStatus
  readonly gate: number
  readonly available_at: number
  readonly attempt: number
  /** Kept when the run ends, so that its last holder is told so. */
  readonly lease_owner: Ids.WorkerId | null
  readonly lease_epoch: number
  readonly lease_expires_at: number | null
  readonly past_attempt: string | null
  readonly waiting: string | null
  readonly waiting_expires_at: number | null
  readonly error: string | null
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly mode: string | null
  readonly parent_run_id: Ids.RunId | null
  readonly root_run_id: Ids.RunId
  readonly trigger_call: string | null
  readonly source_target: string | null
  readonly runtime_target: string | null
  readonly metadata: string | null
}

export const noSession: SessionRow = {
  session_id: null,
  session_kind: null,
  session_worker_id: null,
  session_key: null,
  session_status: null,
  session_metadata: null,
  session_created_at: null,
  session_updated_at: null,
  session_ended_at: null,
}

/** The JSON text of a column that may be null. */
export const toJson = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

/** The value of a JSON column, which only this package writes. */
export const fromJson = <A>(text: string | null): A | null => (text === null ? null : (JSON.parse(text) as A))

const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)
const instantOrNull = (millis: number | null): DateTime.Utc | null =>
  millis === null ? null : instant(millis)

export const logStateOf = (row: RunRow): LogState.LogState =>
  fromJson<LogState.LogState>(row.log_state) ?? LogState.initial

export const pastAttemptOf = (row: RunRow): ControlEvents.PastAttempt | null => fromJson(row.past_attempt)

export const waitingOf = (row: RunRow): Run.Waiting | null => {
  const call = fromJson<Pick<Run.Waiting, "toolCallId" | "toolName">>(row.waiting)
  return call === null
    ? null
    : {
        toolCallId: call.toolCallId,
        toolName: call.toolName,
        expiresAt: instantOrNull(row.waiting_expires_at),
      }
}

/** Who a batch of control events is for. */
export const subjectOf = (row: RunRow): ControlEvents.Subject => ({
  runId: row.run_id,
  conversationId: row.conversation_id,
})

export const leaseOf = (row: RunRow): Run.LeaseRecord | null =>
  row.status === "running" && row.lease_owner !== null && row.lease_expires_at !== null
    ? {
        owner: row.lease_owner,
        epoch: Run.LeaseEpoch.make(row.lease_epoch),
        expiresAt: instant(row.lease_expires_at),
      }
    : null

export const sessionOf = (row: SessionRow & Pick<RunRow, "run_id">): WorkerSession.WorkerSession | null =>
  row.session_id === null
    ? null
    : {
        id: row.session_id,
        runId: row.run_id,
        implementationKind: row.session_kind!,
        workerId: row.session_worker_id,
        sessionKey: row.session_key!,
        status: row.session_status!,
        metadata: fromJson(row.session_metadata),
        createdAt: instant(row.session_created_at!),
        updatedAt: instant(row.session_updated_at!),
        endedAt: instantOrNull(row.session_ended_at),
      }

/** The run as the domain knows it. */
export const toRun = (row: RunRow): Run.Run => ({
  runId: row.run_id,
  projectId: row.project_id,
  conversationId: row.conversation_id,
  messageId: row.message_id,
  agentId: row.agent_id,
  status: row.status,
  mode: row.mode,
  parentRunId: row.parent_run_id,
  rootRunId: row.root_run_id,
  trigger: fromJson(row.trigger_call),
  implementationKind: row.implementation_kind,
  workerKey: row.worker_key,
  sourceTarget: fromJson<Run.Target>(row.source_target) ?? Run.projectTarget,
  runtimeTarget: fromJson<Run.Target>(row.runtime_target) ?? Run.noTarget,
  priority: row.priority,
  concurrencyKey: row.lane,
  attempt: row.attempt,
  maxAttempts: row.max_attempts,
  latestEventId: Run.EventId.make(row.latest_event_id),
  latestSequence: Run.Sequence.make(row.latest_sequence),
  lease: leaseOf(row),
  leaseEpoch: Run.LeaseEpoch.make(row.lease_epoch),
  waiting: waitingOf(row),
  session: sessionOf(row),
  error: fromJson(row.error),
  metadata: fromJson(row.metadata),
  createdAt: instant(row.created_at),
  updatedAt: instant(row.updated_at),
  availableAt: instant(row.available_at),
  startedAt: instantOrNull(row.started_at),
  finishedAt: instantOrNull(row.finished_at),
})
