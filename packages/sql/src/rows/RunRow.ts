/**
 * A run as its tables hold it, and as the domain knows it.
 *
 * @since 0.1.0
 */
import type { ControlEvents, Ids, RequestSnapshot } from "@runlease/core"
import { Interrupt, LogState, Run, type WorkerSession } from "@runlease/core"
import { Brand, DateTime, Schema, Struct } from "effect"
import type { Columns } from "./Columns.js"

/** `gate` of a pending run; and `pruned`, of a finished one that is being deleted in parts and exists for nobody. */
export const Gate = { runnable: 0, delayed: 1, behind: 2, pruned: 3 } as const

/**
 * The gate of a pending run that is behind no other. A run that was submitted without a delay has none, also where the
 * clock was set back since.
 */
export const gateOf = (
  { available_at, created_at }: { readonly available_at: number; readonly created_at: number },
  now: number,
): number => (available_at > now && available_at > created_at ? Gate.delayed : Gate.runnable)

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

/** What the moves of a run may change. */
export const movingColumns = {
  latest_event_id: "integer",
  latest_sequence: "integer",
  log_state: "text",
  updated_at: "integer",
  status: "text",
  gate: "integer",
  available_at: "integer",
  attempt: "integer",
  lease_owner: "text",
  lease_epoch: "integer",
  lease_expires_at: "integer",
  claim_id: "text",
  past_attempt: "text",
  waiting: "text",
  waiting_expires_at: "integer",
  error: "text",
  started_at: "integer",
  finished_at: "integer",
} as const satisfies Columns

export type MovingColumn = keyof typeof movingColumns

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
  result: "text",
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

export const runNames = ["run_pk", ...Struct.keys(runColumns)] as const
export const detailNames = Struct.keys(detailColumns)
export const sessionNames = Struct.keys(sessionColumns)

/** Columns of an alias, for a SELECT. */
export const listed = (alias: string, names: ReadonlyArray<string>): string =>
  names.map((name) => `${alias}.${name}`).join(", ")

/** The columns of a `RunRow`, for a SELECT from `runs r`. */
export const selectedRun = listed("r", runNames)

/** The columns of a `DetailRow`, for a SELECT from `run_details d` and `sessions s`. */
export const selectedDetails = `${listed("d", detailNames)}, ${listed("s", sessionNames)}`

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

/**
 * What `run_details` and `sessions` tell of a run: it is read apart, by whoever needs it. The columns of a session are
 * absent where there can be none.
 */
export interface DetailRow extends Partial<SessionRow> {
  readonly mode: string | null
  readonly parent_run_id: Ids.RunId | null
  readonly root_run_id: Ids.RunId
  readonly trigger_call: string | null
  readonly source_target: string | null
  readonly runtime_target: string | null
  readonly metadata: string | null
  readonly result: string | null
}

/** A run as `runs` holds it. JSON columns are text; instants are milliseconds since the epoch. */
export interface RunRow {
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
  /** The id of the claim that gave the run last, when it had one. */
  readonly claim_id: Ids.ClaimId | null
  readonly past_attempt: string | null
  readonly waiting: string | null
  readonly waiting_expires_at: number | null
  readonly error: string | null
  readonly started_at: number | null
  readonly finished_at: number | null
}

/** The JSON text of a column that may be null. */
export const toJson = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

/** The value of a JSON column, which only this package writes. */
export const fromJson = <A>(text: string | null): A | null => (text === null ? null : (JSON.parse(text) as A))

/** Numbers and ids of the database were checked on their way in. */
export const eventId = Brand.nominal<Run.EventId>()
export const sequence = Brand.nominal<Run.Sequence>()
const leaseEpoch = Brand.nominal<Run.LeaseEpoch>()

export const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)
const instantOrNull = (millis: number | null): DateTime.Utc | null =>
  millis === null ? null : instant(millis)

export const logStateOf = (row: Pick<RunRow, "log_state">): LogState.LogState =>
  fromJson<LogState.LogState>(row.log_state) ?? LogState.initial

export const pastAttemptOf = (row: RunRow): ControlEvents.PastAttempt | null => fromJson(row.past_attempt)

const Stored = Schema.Struct(Struct.omit(Run.Waiting.fields, "expiresAt"))
const encodeStored = Schema.encodeSync(Stored)
const decodeStored = Schema.decodeUnknownSync(Stored)

/** What the version before wrote: a tool call, whose result is the only thing to wait for. */
interface ToolCall {
  readonly toolCallId: string
  readonly toolName: string
}

const isToolCall = (stored: object): stored is ToolCall => !("interrupts" in stored)

/** The columns of a wait. */
export const waitingColumns = (
  waiting: Run.Waiting | null,
): Pick<RunRow, "waiting" | "waiting_expires_at"> => ({
  waiting: waiting === null ? null : toJson(encodeStored(waiting)),
  waiting_expires_at: waiting?.expiresAt?.epochMillis ?? null,
})

export const waitingOf = (row: RunRow): Run.Waiting | null => {
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

/** Who a batch of control events is for. */
export const subjectOf = (row: RunRow): ControlEvents.Subject => ({
  runId: row.run_id,
  conversationId: row.conversation_id,
})

export const leaseOf = (row: RunRow): Run.LeaseRecord | null =>
  row.status === "running" && row.lease_owner !== null && row.lease_expires_at !== null
    ? {
        owner: row.lease_owner,
        epoch: leaseEpoch(row.lease_epoch),
        expiresAt: instant(row.lease_expires_at),
      }
    : null

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

/** The run as the domain knows it. */
export const toRun = (row: RunRow, details: DetailRow): Run.Run => ({
  runId: row.run_id,
  projectId: row.project_id,
  conversationId: row.conversation_id,
  messageId: row.message_id,
  agentId: row.agent_id,
  status: row.status,
  mode: details.mode,
  parentRunId: details.parent_run_id,
  rootRunId: details.root_run_id,
  trigger: fromJson(details.trigger_call),
  implementationKind: row.implementation_kind,
  workerKey: row.worker_key,
  ...targetsOf(details),
  priority: row.priority,
  concurrencyKey: row.lane,
  attempt: row.attempt,
  maxAttempts: row.max_attempts,
  latestEventId: eventId(row.latest_event_id),
  latestSequence: sequence(row.latest_sequence),
  lease: leaseOf(row),
  leaseEpoch: leaseEpoch(row.lease_epoch),
  waiting: waitingOf(row),
  session: sessionOf(row.run_id, details),
  error: fromJson(row.error),
  metadata: fromJson(details.metadata),
  result: fromJson(details.result),
  createdAt: instant(row.created_at),
  updatedAt: instant(row.updated_at),
  availableAt: instant(row.available_at),
  startedAt: instantOrNull(row.started_at),
  finishedAt: instantOrNull(row.finished_at),
})

/** What its holder gets of a claimed run. */
export const toClaimed = (
  row: RunRow,
  details: DetailRow,
  snapshot: RequestSnapshot.RequestSnapshot,
): Run.ClaimedRun => {
  const lease = leaseOf(row)
  return {
    runId: row.run_id,
    projectId: row.project_id,
    conversationId: row.conversation_id,
    messageId: row.message_id,
    agentId: row.agent_id,
    status: row.status,
    snapshot,
    ...targetsOf(details),
    latestEventId: eventId(row.latest_event_id),
    latestSequence: sequence(row.latest_sequence),
    leaseOwner: lease?.owner ?? null,
    leaseEpoch: leaseEpoch(row.lease_epoch),
    leaseExpiresAt: lease?.expiresAt ?? null,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    waitedMillis: 0,
    session: sessionOf(row.run_id, details),
  }
}
