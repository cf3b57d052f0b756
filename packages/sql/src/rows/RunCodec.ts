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
  type RunRows,
  RunState,
  type WorkerSession,
} from "@runlease/core"
import { Brand, DateTime, Schema, Struct } from "effect"
import { type DetailRow, Gate, type MovingColumn, type RunRow, type SessionRow } from "./RunRow.js"

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

type Value = string | number | null

/** A column that holds a part of the state. A part that is the same as before is not encoded again. */
interface MovingPart {
  readonly name: MovingColumn
  readonly of: (state: RunState.RunState) => unknown
  readonly encode: (state: RunState.RunState) => Value
}

const plain = (name: MovingColumn, of: (state: RunState.RunState) => Value): MovingPart => ({
  name,
  of,
  encode: of,
})

const json = (name: MovingColumn, of: (state: RunState.RunState) => unknown): MovingPart => ({
  name,
  of,
  encode: (state) => toJson(of(state)),
})

const movingParts: ReadonlyArray<MovingPart> = [
  plain("latest_event_id", ({ latestEventId }) => latestEventId),
  plain("latest_sequence", ({ latestSequence }) => latestSequence),
  json("log_state", ({ log }) => (log === LogState.initial ? null : log)),
  plain("updated_at", ({ updatedAt }) => updatedAt),
  plain("status", ({ status }) => status),
  plain("gate", ({ gate }) => Gate[gate]),
  plain("available_at", ({ availableAt }) => availableAt),
  plain("attempt", ({ attempt }) => attempt),
  plain("lease_owner", ({ holder }) => holder?.workerId ?? null),
  plain("lease_epoch", ({ leaseEpoch }) => leaseEpoch),
  plain("lease_expires_at", ({ holder }) => holder?.expiresAt ?? null),
  plain("claim_id", ({ holder }) => holder?.claimId ?? null),
  json("past_attempt", ({ pastAttempt }) => pastAttempt),
  {
    name: "waiting",
    of: ({ waiting }) => waiting,
    encode: ({ waiting }) => (waiting === null ? null : toJson(encodeStored(waiting))),
  },
  plain("waiting_expires_at", ({ waiting }) => waiting?.expiresAt?.epochMillis ?? null),
  json("error", ({ error }) => error),
  plain("started_at", ({ startedAt }) => startedAt),
  plain("finished_at", ({ finishedAt }) => finishedAt),
]

/** The columns of a run that hold another state than before, with their values. */
export const movedColumns = (
  before: RunState.RunState,
  after: RunState.RunState,
): Readonly<Record<string, Value>> => {
  const moved: Record<string, Value> = {}
  for (const { encode, name, of } of movingParts) if (of(before) !== of(after)) moved[name] = encode(after)
  return moved
}

/** The columns of a new run, whose key the database gives. */
export const newRow = (state: RunState.RunState): Readonly<Record<string, Value>> => {
  const { spec } = state
  return {
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
    ...Object.fromEntries(movingParts.map(({ encode, name }) => [name, encode(state)])),
  }
}

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
export const toRun = ({ state }: RunRows.StoredRun, details: DetailRow): Run.Run =>
  RunState.toRun(state, toDetails(state.spec.runId, details))

/** The columns of the details of a new run. */
export const newDetailRow = (details: RunState.RunDetails) => ({
  mode: details.mode,
  parent_run_id: details.parentRunId,
  root_run_id: details.rootRunId,
  trigger_call: toJson(details.trigger),
  source_target: details.sourceTarget === Run.projectTarget ? null : toJson(details.sourceTarget),
  runtime_target: details.runtimeTarget === Run.noTarget ? null : toJson(details.runtimeTarget),
  metadata: toJson(details.metadata),
  result: toJson(details.result),
})

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
