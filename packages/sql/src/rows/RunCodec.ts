/**
 * Rows of runs, and the runs that they are.
 *
 * @since 0.1.0
 */
import {
  type ControlEvents,
  type Ids,
  Interrupt,
  LogState,
  Run,
  RunState,
  type WorkerSession,
} from "@runlease/core"
import { Brand, DateTime, Schema, Struct } from "effect"
import { type DetailRow, Gate, type RunRow, type SessionRow } from "./RunRow.js"

/** A run of the store. Its key grows with each submission. */
export interface StoredRun {
  readonly key: number
  readonly state: RunState.RunState
}

/** The JSON text of a column that may be null. */
export const toJson = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

/** The value of a JSON column, which only this package writes. */
export const fromJson = <A>(text: string | null): A | null => (text === null ? null : (JSON.parse(text) as A))

// Numbers and ids of the database were checked before they were written.
export const eventId = Brand.nominal<Run.EventId>()
export const sequence = Brand.nominal<Run.Sequence>()
const leaseEpoch = Brand.nominal<Run.LeaseEpoch>()

export const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)
const instantOrNull = (millis: number | null): DateTime.Utc | null =>
  millis === null ? null : instant(millis)

const Stored = Schema.Struct(Struct.omit(Run.Waiting.fields, "expiresAt"))
const encodeStored = Schema.encodeSync(Stored)
const decodeStored = Schema.decodeUnknownSync(Stored)

/** The format of earlier versions: a run waits for the result of one tool call. */
interface ToolCall {
  readonly toolCallId: string
  readonly toolName: string
}

const isToolCall = (stored: object): stored is ToolCall => !("interrupts" in stored)

const waitingOf = (row: RunRow): Run.Waiting | null => {
  const stored = fromJson<object>(row.waiting)
  if (stored === null) return null
  const expiresAt = instantOrNull(row.waiting_expires_at)
  if (!isToolCall(stored)) return { ...decodeStored(stored), expiresAt }
  const interrupt = Interrupt.ofToolCall(stored.toolCallId, stored.toolName)
  return {
    interrupts: [expiresAt === null ? interrupt : { ...interrupt, expiresAt }],
    answers: [],
    expiresAt,
  }
}

/** A log without anything open, as most are when a lease is renewed or a run is claimed. */
const startedLog: LogState.LogState = { started: true, open: [] }
const startedText = JSON.stringify(startedLog)

const logOf = (text: string | null): LogState.LogState =>
  text === startedText ? startedLog : (fromJson<LogState.LogState>(text) ?? LogState.initial)

/** The run of a row. Each row of a commit is converted once. */
export const toStored = (row: RunRow): StoredRun => ({
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
    },
    status: row.status,
    gate: row.gate === Gate.behind ? "behind" : row.gate === Gate.delayed ? "delayed" : "runnable",
    availableAt: row.available_at,
    attempt: row.attempt,
    leaseEpoch: leaseEpoch(row.lease_epoch),
    holder:
      row.lease_owner === null || row.lease_expires_at === null
        ? null
        : { workerId: row.lease_owner, expiresAt: row.lease_expires_at, claimId: row.claim_id },
    pastAttempt: fromJson<ControlEvents.PastAttempt>(row.past_attempt),
    waiting: waitingOf(row),
    error: fromJson<Run.RunError>(row.error),
    log: logOf(row.log_state),
    latestEventId: eventId(row.latest_event_id),
    latestSequence: sequence(row.latest_sequence),
    updatedAt: row.updated_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  },
})

const waitingColumns = (waiting: Run.Waiting | null): Pick<RunRow, "waiting" | "waiting_expires_at"> => ({
  waiting: waiting === null ? null : toJson(encodeStored(waiting)),
  waiting_expires_at: waiting?.expiresAt?.epochMillis ?? null,
})

/** The row of a run that has changed since its row was `row` and its state `before`. */
export const changedRow = (row: RunRow, before: RunState.RunState, after: RunState.RunState): RunRow => ({
  ...row,
  latest_event_id: after.latestEventId,
  latest_sequence: after.latestSequence,
  log_state: after.log === before.log ? row.log_state : toJson(after.log),
  updated_at: after.updatedAt,
  status: after.status,
  gate: after.gate === before.gate ? row.gate : Gate[after.gate],
  available_at: after.availableAt,
  attempt: after.attempt,
  lease_owner: after.holder?.workerId ?? null,
  lease_epoch: after.leaseEpoch,
  lease_expires_at: after.holder?.expiresAt ?? null,
  claim_id: after.holder?.claimId ?? null,
  past_attempt: after.pastAttempt === before.pastAttempt ? row.past_attempt : toJson(after.pastAttempt),
  ...(after.waiting === before.waiting ? {} : waitingColumns(after.waiting)),
  error: after.error === before.error ? row.error : toJson(after.error),
  started_at: after.startedAt,
  finished_at: after.finishedAt,
})

/** The row of a new run, whose key the database gives. */
export const newRow = (state: RunState.RunState): RunRow => ({
  run_pk: 0,
  project_id: state.spec.projectId,
  run_id: state.spec.runId,
  conversation_id: state.spec.conversationId,
  message_id: state.spec.messageId,
  agent_id: state.spec.agentId,
  implementation_kind: state.spec.implementationKind,
  worker_key: state.spec.workerKey,
  lane: state.spec.lane,
  priority: state.spec.priority,
  max_attempts: state.spec.maxAttempts,
  created_at: state.spec.createdAt,
  latest_event_id: state.latestEventId,
  latest_sequence: state.latestSequence,
  log_state: state.log === LogState.initial ? null : toJson(state.log),
  updated_at: state.updatedAt,
  status: state.status,
  gate: Gate[state.gate],
  available_at: state.availableAt,
  attempt: state.attempt,
  lease_owner: state.holder?.workerId ?? null,
  lease_epoch: state.leaseEpoch,
  lease_expires_at: state.holder?.expiresAt ?? null,
  claim_id: state.holder?.claimId ?? null,
  past_attempt: toJson(state.pastAttempt),
  ...waitingColumns(state.waiting),
  error: toJson(state.error),
  started_at: state.startedAt,
  finished_at: state.finishedAt,
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

const targetsOf = (row: DetailRow): Pick<Run.Run, "sourceTarget" | "runtimeTarget"> => ({
  sourceTarget: fromJson<Run.Target>(row.source_target) ?? Run.projectTarget,
  runtimeTarget: fromJson<Run.Target>(row.runtime_target) ?? Run.noTarget,
})

/** What a claim needs of a run beside its state. */
export const claimDetails = (
  runId: Ids.RunId,
  row: DetailRow,
): Pick<RunState.RunDetails, "sourceTarget" | "runtimeTarget" | "session"> => ({
  ...targetsOf(row),
  session: sessionOf(runId, row),
})

const toDetails = (runId: Ids.RunId, row: DetailRow): RunState.RunDetails => ({
  mode: row.mode,
  parentRunId: row.parent_run_id,
  rootRunId: row.root_run_id,
  trigger: fromJson(row.trigger_call),
  ...targetsOf(row),
  session: sessionOf(runId, row),
  metadata: fromJson(row.metadata),
  result: fromJson(row.result),
})

/** The run as its clients see it. */
export const toRun = ({ state }: StoredRun, details: DetailRow): Run.Run =>
  RunState.toRun(state, toDetails(state.spec.runId, details))
