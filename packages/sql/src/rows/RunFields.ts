/**
 * The table of fields: for each field of a run the tables that have it, its column and how that has its values.
 *
 * A column is named as its field, in snake_case, unless another name is given. Statements, rows and their conversions are derived from
 * this table once, when modules load: a new field is a line here and a migration.
 *
 * @since 0.1.0
 */
import { Labels, Run } from "@runlease/core"
import {
  DebounceRules,
  LimitRules,
  LogState,
  ResumeRules,
  type RunRows,
  type RunState,
  TimeRules,
  WaitTransitions,
} from "@runlease/core/store"
import { Array as Arr, Record, Schema, Struct } from "effect"
import type { Value } from "./Columns.js"
import { type Field, type Fields, fromJson, integer, json, text, toJson } from "./Fields.js"

/** The table that a run stands in is its state. */
export type StateTable = "queue" | "leases" | "waits" | "outcomes"

export const states: ReadonlyArray<StateTable> = ["queue", "leases", "waits", "outcomes"]

/** Values of `gate`. */
export const Gate = { runnable: 0, delayed: 1, behind: 2, limited: 3 } as const

const gates: ReadonlyArray<RunState.Gate> = ["runnable", "delayed", "behind", "limited"]

const once = ["runs"]
const repeated = ["runs", ...states]
const queued = ["runs", "queue"]
const claimed = ["leases", "outcomes"]
const ended = ["outcomes"]
const unended = ["queue", "leases", "waits"]

/** What a submission sets for good. Claims and lanes are found by what the tables of states repeat. */
export const specFields: Fields<RunState.RunSpec> = {
  projectId: text(repeated),
  runId: text(once),
  conversationId: text(once),
  messageId: text(once),
  agentId: text(queued),
  implementationKind: text(queued),
  workerKey: text(queued),
  lane: text(repeated),
  limit: text(once, "limit_name"),
  concurrencyLimit: integer(once),
  debounceKey: text(once),
  namedLimits: json(once),
  priority: integer(queued),
  maxAttempts: integer(once),
  createdAt: integer(once),
  timeLimits: json(once),
  fairness: json(once),
  child: json(once),
}

/** The lease of a run. It stays when the run ends, so that its last holder learns how. */
export const holderFields: Fields<RunState.Holder> = {
  workerId: text(claimed, "lease_owner"),
  expiresAt: integer(claimed, "lease_expires_at"),
  claimId: text(claimed),
  claimedAt: integer(claimed),
  renewals: integer(claimed),
  renewedAt: integer(claimed),
  longestGap: integer(claimed),
}

const Stored = Schema.Struct(Struct.omit(Run.Waiting.fields, "expiresAt"))
const encodeWaiting = Schema.encodeSync(Stored)
const decodeWaiting = Schema.decodeUnknownSync(Stored)

/** When a wait ends follows from its interrupts. */
const waiting: Field<Run.Waiting | null> = {
  ...json(["waits"]),
  encode: (wait) => (wait === null ? null : toJson(encodeWaiting(wait))),
  decode: (stored: string | null) => {
    if (stored === null) return null
    const wait = decodeWaiting(JSON.parse(stored))
    return { ...wait, expiresAt: ResumeRules.expiryOf(wait) }
  },
}

/** A log without anything open, as most are when a lease is renewed or a run is claimed. */
const startedLog: LogState.LogState = { started: true, open: [] }
const startedText = JSON.stringify(startedLog)

const log: Field<LogState.LogState> = {
  ...json(states, "log_state"),
  encode: (state) => (state === LogState.initial ? null : toJson(state)),
  decode: (stored: string | null) =>
    stored === startedText ? startedLog : (fromJson<LogState.LogState>(stored) ?? LogState.initial),
}

/** Where a run is in its life. */
export const stateFields: Fields<Omit<RunState.RunState, "spec" | "holder">> = {
  status: text(ended),
  gate: {
    ...integer(states),
    encode: (gate) => Gate[gate],
    decode: (stored: number) => gates[stored]!,
  },
  availableAt: integer(states),
  limits: json(unended),
  // Only a run of the queue has one.
  rank: { ...integer(["queue"]), decode: (stored: number | null) => stored ?? 0 },
  attempt: integer(states),
  workedMillis: integer(unended),
  leaseEpoch: integer(states),
  pastAttempt: json(["queue"]),
  waiting,
  children: json(states),
  budget: json(states),
  error: json(ended),
  log,
  latestEventId: integer(states),
  latestSequence: integer(states),
  updatedAt: integer(states),
  startedAt: integer(states),
  finishedAt: integer(ended),
}

/** A target that most runs have is null. */
const target = (usual: Run.Target): Field<Run.Target> => ({
  ...json(once),
  encode: (value) => (value === usual ? null : toJson(value)),
  decode: (stored: string | null) => fromJson<Run.Target>(stored) ?? usual,
})

/** Most runs have none. */
const labels: Field<Labels.Labels> = {
  ...json(once),
  encode: (value) => (Labels.isEmpty(value) ? null : toJson(value)),
  decode: (stored: string | null) => fromJson<Labels.Labels>(stored) ?? Labels.none,
}

/** What is stored beside the state of a run, but its session. */
export const detailFields: Fields<Omit<RunState.RunDetails, "session">> = {
  mode: text(once),
  parentRunId: text(once),
  rootRunId: text(once),
  trigger: json(once, "trigger_call"),
  sourceTarget: target(Run.projectTarget),
  runtimeTarget: target(Run.noTarget),
  metadata: json(ended),
  result: json(ended),
  labels,
  batchId: text(once),
}

/** What lists show of a submission. */
export const titleFields: Fields<Pick<RunRows.NewRun, "title">> = { title: text(once) }

/** A claim that ended without an outcome, but its lease. */
export const claimFields: Fields<Omit<RunState.EndedClaim, "holder">> = {
  attempt: integer(["claims"]),
  leaseEpoch: integer(["claims"]),
  ended: text(["claims"]),
  endedAt: integer(["claims"]),
}

/** The lease of such a claim, in columns that are named as its fields. */
export const claimHolderFields = Record.map(Struct.omit(holderFields, "claimId"), (field) => ({
  ...field,
  tables: ["claims"],
  column: undefined,
})) as Fields<Omit<RunState.Holder, "claimId">>

/** A column that only an index reads. */
export interface IndexField {
  readonly column: string
  readonly type?: "text"
  readonly table: StateTable
  readonly of: (state: RunState.RunState) => Value
}

const answersDue = ({ waiting: wait }: RunState.RunState): number | null =>
  wait === null || wait.interrupts.length === 0
    ? null
    : (wait.expiresAt?.epochMillis ?? Number.MAX_SAFE_INTEGER)

/** The most limits of a run. */
export const mostLimits = 5

/** The columns of the place of a run at each of its limits: the name of the limit, and since when; null for a stale one. */
export const placeColumns = Arr.makeBy(mostLimits, (index) => ({
  name: `place_${index + 1}`,
  at: index === 0 ? "placed_at" : `placed_at_${index + 1}`,
}))

const placeFields = placeColumns.flatMap(({ at, name }, index): ReadonlyArray<IndexField> => [
  {
    column: name,
    type: "text",
    table: "queue",
    of: (state) => LimitRules.placeIn(state, index)?.name ?? null,
  },
  {
    column: at,
    table: "queue",
    of: (state) => {
      const place = LimitRules.placeIn(state, index)
      return place === undefined || place.stale ? null : place.since
    },
  },
])

export const indexFields: ReadonlyArray<IndexField> = [
  { column: "waiting_expires_at", table: "waits", of: WaitTransitions.endsAt },
  // When the run fails without answers, or a time after all others; null where it asks for none.
  { column: "answers_due", table: "waits", of: answersDue },
  { column: "start_by", table: "queue", of: TimeRules.startBy },
  { column: "debounce_key", type: "text", table: "queue", of: DebounceRules.openKey },
  { column: "timeout_at", table: "leases", of: TimeRules.timeoutAt },
  // The limit that it is behind, and those where it has places.
  { column: "limit_name", type: "text", table: "queue", of: LimitRules.behindOf },
  ...placeFields,
  { column: "open_children", table: "outcomes", of: ({ children }) => children?.open ?? null },
]
