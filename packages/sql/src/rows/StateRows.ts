/**
 * The rows of states: each column of a state is a part of it.
 *
 * @since 0.1.0
 */
import { LogState, type RunRows, type RunState, WaitTransitions } from "@runlease/core/store"
import { encodeWaiting, type Row, toJson } from "./RunCodec.js"
import { Gate, type StateColumn, stateColumns, type StateTable } from "./RunRow.js"

type Value = string | number | null

type Details = Pick<RunRows.DetailChanges, "metadata" | "result">

export const noDetails: Details = {}

/** A column that holds a part of the state. A part that is the same as before is not encoded again. */
export interface StatePart {
  readonly name: StateColumn
  readonly of: (state: RunState.RunState, details: Details) => unknown
  readonly encode: (state: RunState.RunState, details: Details) => Value
}

const plain = (name: StateColumn, of: (state: RunState.RunState) => Value): StatePart => ({
  name,
  of,
  encode: of,
})

const json = (name: StateColumn, of: StatePart["of"]): StatePart => ({
  name,
  of,
  encode: (state, details) => toJson(of(state, details)),
})

const answersDue = ({ waiting }: RunState.RunState): number | null =>
  waiting === null || waiting.interrupts.length === 0
    ? null
    : (waiting.expiresAt?.epochMillis ?? Number.MAX_SAFE_INTEGER)

const allParts: ReadonlyArray<StatePart> = [
  plain("project_id", ({ spec }) => spec.projectId),
  plain("lane", ({ spec }) => spec.lane),
  plain("agent_id", ({ spec }) => spec.agentId),
  plain("implementation_kind", ({ spec }) => spec.implementationKind),
  plain("worker_key", ({ spec }) => spec.workerKey),
  plain("priority", ({ spec }) => spec.priority),
  plain("gate", ({ gate }) => Gate[gate]),
  plain("available_at", ({ availableAt }) => availableAt),
  plain("attempt", ({ attempt }) => attempt),
  plain("lease_epoch", ({ leaseEpoch }) => leaseEpoch),
  plain("latest_event_id", ({ latestEventId }) => latestEventId),
  plain("latest_sequence", ({ latestSequence }) => latestSequence),
  json("log_state", ({ log }) => (log === LogState.initial ? null : log)),
  plain("updated_at", ({ updatedAt }) => updatedAt),
  plain("started_at", ({ startedAt }) => startedAt),
  json("children", ({ children }) => children),
  json("budget", ({ budget }) => budget),
  json("past_attempt", ({ pastAttempt }) => pastAttempt),
  plain("lease_owner", ({ holder }) => holder?.workerId ?? null),
  plain("lease_expires_at", ({ holder }) => holder?.expiresAt ?? null),
  plain("claim_id", ({ holder }) => holder?.claimId ?? null),
  plain("claimed_at", ({ holder }) => holder?.claimedAt ?? null),
  plain("renewals", ({ holder }) => holder?.renewals ?? null),
  plain("renewed_at", ({ holder }) => holder?.renewedAt ?? null),
  plain("longest_gap", ({ holder }) => holder?.longestGap ?? null),
  {
    name: "waiting",
    of: ({ waiting }) => waiting,
    encode: ({ waiting }) => (waiting === null ? null : toJson(encodeWaiting(waiting))),
  },
  plain("waiting_expires_at", WaitTransitions.endsAt),
  plain("answers_due", answersDue),
  plain("status", ({ status }) => status),
  json("error", ({ error }) => error),
  plain("finished_at", ({ finishedAt }) => finishedAt),
  plain("open_children", ({ children }) => children?.open ?? null),
  json("metadata", (_state, { metadata }) => metadata),
  json("result", (_state, { result }) => result),
]

const partsOf = (table: StateTable): ReadonlyArray<StatePart> =>
  allParts.filter(({ name }) => name in stateColumns[table])

/** The columns of each state but its key. */
export const parts: Readonly<Record<StateTable, ReadonlyArray<StatePart>>> = {
  queue: partsOf("queue"),
  leases: partsOf("leases"),
  waits: partsOf("waits"),
  outcomes: partsOf("outcomes"),
}

/** The table that a run in this state stands in. */
export const tableOf = ({ status }: Pick<RunState.RunState, "status">): StateTable =>
  status === "pending"
    ? "queue"
    : status === "running"
      ? "leases"
      : status === "waiting"
        ? "waits"
        : "outcomes"

/** The columns of a state that have other values than before, in a table that it stays in. */
export const movedColumns = (before: RunState.RunState, after: RunState.RunState): Row => {
  const moved: Record<string, Value> = {}
  for (const { encode, name, of } of parts[tableOf(after)]) {
    if (of(before, noDetails) !== of(after, noDetails)) moved[name] = encode(after, noDetails)
  }
  return moved
}

/** The row of a state in its table. An outcome has its metadata and its result. */
export const stateRow = (key: number, state: RunState.RunState, details: Details): Row => {
  const row: Record<string, Value> = { run_pk: key }
  for (const { encode, name } of parts[tableOf(state)]) row[name] = encode(state, details)
  return row
}
