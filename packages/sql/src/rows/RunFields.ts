/**
 * The table of fields: for each field of a run the tables that have it, its column and how that has its values.
 *
 * A column is named as its field, in snake_case, unless another name is set. Statements, rows and their conversions are derived from
 * this table once, when modules load: a new field is a line here and a migration.
 */
import { Labels, LogState, ResumeRules, Run } from "@runlease/core"
import {
  DebounceRules,
  LimitRules,
  type RunRows,
  type RunState,
  TimeRules,
  WaitTransitions,
} from "@runlease/store"
import { Array as Arr, Record, Schema, Struct } from "effect"
import { type Columns, type Row, rowOf, type Value } from "./Columns.js"
import {
  type Field,
  type Fields,
  fromJson,
  integer,
  json,
  text,
  toJson,
  type Encoder,
  encodersFor,
  columnsIn,
} from "./Fields.js"

/** The table that a run is in is its state. */
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
  versionPolicy: text(once),
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
  version: text(states),
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
  encode: (value) => (value === Labels.none || Labels.isEmpty(value) ? null : toJson(value)),
  decode: (stored: string | null) => fromJson<Labels.Labels>(stored) ?? Labels.none,
}

/** What is stored with the state of a run, but its session. */
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

/** Null for a run without limits of time. */
const timed =
  (of: IndexField["of"]): IndexField["of"] =>
  (state) =>
    state.spec.timeLimits === null ? null : of(state)

export const indexFields: ReadonlyArray<IndexField> = [
  { column: "waiting_expires_at", table: "waits", of: WaitTransitions.endsAt },
  // When the run fails without answers, or a time after all others; null where it requests none.
  { column: "answers_due", table: "waits", of: answersDue },
  { column: "start_by", table: "queue", of: timed(TimeRules.startBy) },
  { column: "debounce_key", type: "text", table: "queue", of: DebounceRules.openKey },
  { column: "timeout_at", table: "leases", of: timed(TimeRules.timeoutAt) },
  // The limit that it is behind, and those where it has places.
  { column: "limit_name", type: "text", table: "queue", of: LimitRules.behindOf },
  ...placeFields,
  { column: "open_children", table: "outcomes", of: ({ children }) => children?.open ?? null },
]

type Details = Pick<RunRows.DetailChanges, "metadata" | "result">

const noDetails: Details = {}

type Values = Readonly<Record<string, unknown>>

/** Part of a run whose fields are columns of its state. */
interface Part {
  readonly from: "spec" | "state" | "holder" | "details"
  readonly encoders: ReadonlyArray<Encoder<Values>>
}

const part = <A extends object>(table: StateTable, from: Part["from"], fields: Fields<A>): Part => ({
  from,
  encoders: encodersFor(table, fields) as unknown as Part["encoders"],
})

const partsOf = (table: StateTable): ReadonlyArray<Part> => [
  part(table, "spec", specFields),
  part(table, "state", stateFields),
  part(table, "holder", holderFields),
  part(table, "details", detailFields),
]

/** The part of a run; null where it has none. */
const partOf = (from: Part["from"], state: RunState.RunState, details: Details): Values | null =>
  (from === "state" ? state : from === "details" ? details : state[from]) as Values | null

export const byTable = <A>(of: (table: StateTable) => A): Readonly<Record<StateTable, A>> => ({
  queue: of("queue"),
  leases: of("leases"),
  waits: of("waits"),
  outcomes: of("outcomes"),
})

const parts = byTable(partsOf)

const indexedIn = byTable((table) => indexFields.filter((field) => field.table === table))

export const tableOf = ({ status }: Pick<RunState.RunState, "status">): StateTable =>
  status === "pending"
    ? "queue"
    : status === "running"
      ? "leases"
      : status === "waiting"
        ? "waits"
        : "outcomes"

/** The values of a state in its table, in the order of the table's `stateColumns`. An outcome has its metadata and its result. */
export const stateValues = (
  key: number,
  state: RunState.RunState,
  details: Details = noDetails,
): ReadonlyArray<Value> => {
  const table = tableOf(state)
  const values: Array<Value> = [key]
  for (const { encoders, from } of parts[table]) {
    const value = partOf(from, state, details)
    for (const { encode, name } of encoders) values.push(value === null ? null : encode(value[name]))
  }
  for (const { of } of indexedIn[table]) values.push(of(state))
  return values
}

const allColumnsOf = (table: StateTable): Columns => ({
  run_pk: "integer",
  ...columnsIn(table, specFields),
  ...columnsIn(table, stateFields),
  ...columnsIn(table, holderFields),
  ...columnsIn(table, detailFields),
  ...Object.fromEntries(
    indexFields.flatMap(({ column, table: of, type = "integer" }) =>
      of === table ? [[column, type] as const] : [],
    ),
  ),
})

export const stateColumns: Readonly<Record<StateTable, Columns>> = {
  queue: allColumnsOf("queue"),
  leases: allColumnsOf("leases"),
  waits: allColumnsOf("waits"),
  outcomes: allColumnsOf("outcomes"),
}

const namesIn = byTable((table) => Object.keys(stateColumns[table]))

export const stateRow = (key: number, state: RunState.RunState, details: Details): Row =>
  rowOf(namesIn[tableOf(state)], stateValues(key, state, details))

/** Columns of a state that are written: as bits in the order of `columnsOf`, 53 at most, and their values. */
export interface Written {
  readonly columns: number
  readonly values: ReadonlyArray<Value>
}

/** The columns of a table but its key, in the order of the bits of `Written`. */
const columnsOf = byTable((table) => namesIn[table].slice(1))

/** The names of the columns that have been written. */
export const namesOf = (table: StateTable, { columns }: Pick<Written, "columns">): ReadonlyArray<string> =>
  columnsOf[table].filter((_name, index) => Math.floor(columns / 2 ** index) % 2 === 1)

/** All columns of a table but its key. */
export const allNamesOf = (table: StateTable): ReadonlyArray<string> => columnsOf[table]

/** A state before and after a change, and the details that it has changed. */
interface Difference {
  readonly before: RunState.RunState
  readonly after: RunState.RunState
  readonly details?: Details
}

/**
 * Makes the function that finds what a change writes into a table over a row of the same or another one: the columns that differ, and of
 * those that the other table lacks the ones with a value. What is the same as before is not encoded again.
 */
export const differenceOf = (from: StateTable, to: StateTable) => {
  const stored = (column: string) => column in stateColumns[from]
  const compared = parts[to].map(({ encoders, from: part }) => ({
    part,
    columns: encoders.map((encoder) => ({ ...encoder, isStored: stored(encoder.column) })),
    areStored: encoders.every(({ column }) => stored(column)),
    width: 2 ** encoders.length,
  }))
  const indexed = indexedIn[to].map((field) => ({ ...field, isStored: stored(field.column) }))
  return ({ after, before, details = noDetails }: Difference): Written => {
    let bits = 0
    let bit = 1
    const values: Array<Value> = []
    for (const { areStored, columns, part, width } of compared) {
      const old = partOf(part, before, noDetails)
      const next = partOf(part, after, details)
      if (areStored && old === next) {
        bit *= width
        continue
      }
      for (const { encode, isStored, name } of columns) {
        const value = next === null ? null : next[name]
        if (!isStored || (old === null ? null : old[name]) !== value) {
          const written = next === null ? null : encode(value)
          if (isStored || written !== null) {
            bits += bit
            values.push(written)
          }
        }
        bit *= 2
      }
    }
    for (const { isStored, of } of indexed) {
      const value = of(after)
      if (isStored ? of(before) !== value : value !== null) {
        bits += bit
        values.push(value)
      }
      bit *= 2
    }
    return { columns: bits, values }
  }
}

/** What a change writes into the table that its run stays in. */
export const changedIn = byTable((table) => differenceOf(table, table))
