/**
 * Rows of runs, and the runs that they are.
 *
 * @since 0.1.0
 */
import { type Ids, Run, type WorkerSession } from "@runlease/core"
import { type ControlEvents, LogState, ResumeRules, type RunRows, RunState } from "@runlease/core/store"
import { Brand, DateTime, Schema, Struct } from "effect"
import type { Columns } from "./Columns.js"
import { type DetailRow, Gate, type RunRow } from "./RunRow.js"
import { type SessionRow } from "./SessionRow.js"

/** The JSON text of a column that may be null. */
export const toJson = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

/** The value of a JSON column, which only this package writes. */
export const fromJson = <A>(text: string | null | undefined): A | null =>
  text == null ? null : (JSON.parse(text) as A)

// Numbers and ids of the database were checked before they were written.
export const eventId = Brand.nominal<Run.EventId>()
export const sequence = Brand.nominal<Run.Sequence>()
export const leaseEpoch = Brand.nominal<Run.LeaseEpoch>()

export const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)
const instantOrNull = (millis: number | null): DateTime.Utc | null =>
  millis === null ? null : instant(millis)

const Stored = Schema.Struct(Struct.omit(Run.Waiting.fields, "expiresAt"))
export const encodeWaiting = Schema.encodeSync(Stored)
const decodeStored = Schema.decodeUnknownSync(Stored)

const waitingOf = ({ waiting }: RunRow): Run.Waiting | null => {
  if (waiting === null) return null
  const stored = decodeStored(JSON.parse(waiting))
  return { ...stored, expiresAt: ResumeRules.expiryOf(stored) }
}

/** A log without anything open, as most are when a lease is renewed or a run is claimed. */
const startedLog: LogState.LogState = { started: true, open: [] }
const startedText = JSON.stringify(startedLog)

const logOf = (text: string | null): LogState.LogState =>
  text === startedText ? startedLog : (fromJson<LogState.LogState>(text) ?? LogState.initial)

/** The run of a row. Each row of a commit is converted once. */
export const toStored = (row: RunRow): RunRows.StoredRun => ({
  key: row.run_pk,
  state: {
    spec: {
      projectId: row.project_id,
      runId: row.run_id,
      conversationId: row.conversation_id,
      messageId: row.message_id,
      agentId: row.agent_id,
      implementationKind: row.implementation_kind,
      workerKey: row.worker_key,
      lane: row.lane,
      priority: row.priority,
      maxAttempts: row.max_attempts,
      createdAt: row.created_at,
      child: fromJson<RunState.ChildSpec>(row.child),
    },
    status: row.status,
    gate: row.gate === Gate.behind ? "behind" : row.gate === Gate.delayed ? "delayed" : "runnable",
    availableAt: row.available_at,
    attempt: row.attempt,
    leaseEpoch: leaseEpoch(row.lease_epoch),
    holder:
      row.lease_owner === null || row.lease_expires_at === null
        ? null
        : {
            workerId: row.lease_owner,
            expiresAt: row.lease_expires_at,
            claimId: row.claim_id,
            claimedAt: row.claimed_at ?? 0,
            renewals: row.renewals ?? 0,
            renewedAt: row.renewed_at ?? 0,
            longestGap: row.longest_gap ?? 0,
          },
    pastAttempt: fromJson<ControlEvents.PastAttempt>(row.past_attempt),
    waiting: waitingOf(row),
    children: fromJson<RunState.Children>(row.children),
    budget: fromJson<RunState.Ledger>(row.budget),
    error: fromJson<Run.RunError>(row.error),
    log: logOf(row.log_state),
    latestEventId: eventId(row.latest_event_id),
    latestSequence: sequence(row.latest_sequence),
    updatedAt: row.updated_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  },
})

export type Row = Readonly<Record<string, string | number | null>>

/** The row of a new run in `runs`, whose key the database gives. */
export const newRow = ({ details, state: { spec }, title }: RunRows.NewRun): Row => ({
  project_id: spec.projectId,
  run_id: spec.runId,
  conversation_id: spec.conversationId,
  message_id: spec.messageId,
  agent_id: spec.agentId,
  implementation_kind: spec.implementationKind,
  worker_key: spec.workerKey,
  lane: spec.lane,
  priority: spec.priority,
  max_attempts: spec.maxAttempts,
  created_at: spec.createdAt,
  child: toJson(spec.child),
  mode: details.mode,
  parent_run_id: details.parentRunId,
  root_run_id: details.rootRunId,
  trigger_call: toJson(details.trigger),
  source_target: details.sourceTarget === Run.projectTarget ? null : toJson(details.sourceTarget),
  runtime_target: details.runtimeTarget === Run.noTarget ? null : toJson(details.runtimeTarget),
  title,
})

/** Columns of `inputs` that a submission sets. */
export const inputColumns = {
  run_pk: "integer",
  input: "integer",
  since: "integer",
  project_id: "text",
  submission: "text",
  snapshot: "text",
  answers: "text",
} as const satisfies Columns

/** The row of the first input of a new run: its submission. */
export const firstInputRow = (key: number, { snapshot, state, submission }: RunRows.NewRun) => ({
  run_pk: key,
  input: 0,
  since: 0,
  project_id: state.spec.projectId,
  submission,
  snapshot: JSON.stringify(snapshot),
  answers: "{}",
})

/** Columns of a conversation that is made for a run. */
export const conversationColumns = {
  id: "text",
  project_id: "text",
  created_at: "integer",
  updated_at: "integer",
} as const satisfies Columns

/** The row of a conversation that is made for a run. */
export const newConversationRow = ({ conversationId, projectId }: RunState.RunSpec, now: number) => ({
  id: conversationId,
  project_id: projectId,
  created_at: now,
  updated_at: now,
})

export const sessionOf = (runId: Ids.RunId, row: Partial<SessionRow>): WorkerSession.WorkerSession | null =>
  row.session_id === undefined || row.session_id === null
    ? null
    : {
        id: row.session_id,
        runId,
        implementationKind: row.session_kind!,
        workerId: row.session_worker_id ?? null,
        sessionKey: row.session_key!,
        status: row.session_status!,
        metadata: fromJson(row.session_metadata ?? null),
        createdAt: instant(row.session_created_at!),
        updatedAt: instant(row.session_updated_at!),
        endedAt: instantOrNull(row.session_ended_at ?? null),
      }

/** What is stored beside the state of a run. */
export const toDetails = (runId: Ids.RunId, row: DetailRow): RunState.RunDetails => ({
  mode: row.mode,
  parentRunId: row.parent_run_id,
  rootRunId: row.root_run_id,
  trigger: fromJson(row.trigger_call),
  sourceTarget: fromJson<Run.Target>(row.source_target) ?? Run.projectTarget,
  runtimeTarget: fromJson<Run.Target>(row.runtime_target) ?? Run.noTarget,
  session: sessionOf(runId, row),
  metadata: fromJson(row.metadata),
  result: fromJson(row.result),
})

/** The run as its clients see it. */
export const toRun = (row: RunRow & DetailRow): Run.Run =>
  RunState.toRun(toStored(row).state, toDetails(row.run_id, row))

/** The columns of a session. */
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
