/**
 * The columns of a run in its tables.
 *
 * @since 0.1.0
 */
import type { Ids, Run, WorkerSession } from "@runlease/core"
import { Struct } from "effect"
import type { Columns } from "./Columns.js"

/** Values of `gate`. `pruned` is a finished run that is being deleted in parts; no reader may see it. */
export const Gate = { runnable: 0, delayed: 1, behind: 2, pruned: 3 } as const

/** Columns of `runs` that a submission sets for good. */
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

/** Columns of `runs` that transitions change. */
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

/** Columns of `run_details`, without the submission, the snapshot and the answers, which few need. */
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

/** The columns of `run_details` and, where the run may have a session, of `sessions`. */
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

/** A row of `runs`. JSON columns are text; instants are milliseconds since the epoch. */
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
  /** Stays when the run ends, so that its last holder learns how. */
  readonly lease_owner: Ids.WorkerId | null
  readonly lease_epoch: number
  readonly lease_expires_at: number | null
  /** The id of the claim that gave the lease, where it has one. */
  readonly claim_id: Ids.ClaimId | null
  readonly past_attempt: string | null
  readonly waiting: string | null
  readonly waiting_expires_at: number | null
  readonly error: string | null
  readonly started_at: number | null
  readonly finished_at: number | null
}
