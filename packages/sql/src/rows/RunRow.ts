/** The columns of a run in its tables, and SELECTs of them. Both are derived from the table of fields. */
import { type Columns, type Row, rowOf, rowsOf, type ToRow, type Value } from "./Columns.js"
import { type Ids, type Run, StepRecord } from "@runlease/core"
import { type RunRows, type RunState, StoredRun } from "@runlease/store"
import { type Types, Brand, DateTime, Data, Struct } from "effect"
import { columnsIn, reader, encodersFor, toJson } from "./Fields.js"
import {
  claimFields,
  claimHolderFields,
  detailFields,
  holderFields,
  specFields,
  stateColumns,
  stateFields,
  states,
  type StateTable,
  titleFields,
} from "./RunFields.js"
import { sessionNames, sessionOf, type SessionRow } from "./SessionRow.js"
import { SqlError } from "@effect/sql/SqlError"

// The lease of a run as a commit has read it. A statement that writes the run finds it only if nothing has written it since.
// Source: docs/decisions/0056-remembered-leases.md

/**
 * Columns of rows `v`: what changes with each write of a lease. A budget may change by itself, since another run of its tree spends, and so may the limits, since
 * an agent gets one. A rollout changes the version.
 */
export const seenColumns = {
  seen_lease_epoch: "integer",
  seen_latest_event_id: "integer",
  seen_lease_expires_at: "integer",
  seen_renewals: "integer",
  seen_budget: "text",
  seen_limits: "text",
  seen_version: "text",
} as const satisfies Columns

/** The values of `seenColumns`, in their order. */
export const seenValues = ({
  budget,
  holder,
  latestEventId,
  leaseEpoch,
  limits,
  version,
}: RunState.RunState) =>
  [
    leaseEpoch,
    latestEventId,
    holder?.expiresAt ?? null,
    holder?.renewals ?? null,
    toJson(budget),
    toJson(limits),
    version,
  ] as const

export const seenRow = (state: RunState.RunState) => {
  const values = seenValues(state)
  return {
    seen_lease_epoch: values[0],
    seen_latest_event_id: values[1],
    seen_lease_expires_at: values[2],
    seen_renewals: values[3],
    seen_budget: values[4],
    seen_limits: values[5],
    seen_version: values[6],
  }
}

/** The condition that a row of `leases` is as expected; `value` is the expression of the value of a column. */
export const seenCondition = (value: (column: keyof typeof seenColumns) => string): string =>
  Struct.keys(seenColumns)
    .map((column) => `leases.${column.slice("seen_".length)} IS NOT DISTINCT FROM ${value(column)}`)
    .join(" AND ")

/** Another process has written a lease since it was read. */
class Changed extends Data.TaggedError("LeaseChanged") {}

/** The failure of a transaction that has read a lease which has changed. It runs again. */
export const leaseChanged = (): SqlError =>
  new SqlError({ cause: new Changed(), message: "A lease has changed" })

export const isLeaseChanged = (error: unknown): boolean =>
  error instanceof SqlError && error.cause instanceof Changed

/** Columns of `runs`, which a submission sets for good. */
export const runColumns: Columns = {
  ...columnsIn("runs", specFields),
  ...columnsIn("runs", detailFields),
  ...columnsIn("runs", titleFields),
}

/** Columns of a claim that ended, but its key. */
export const claimColumns: Columns = {
  ...columnsIn("claims", claimFields),
  ...columnsIn("claims", claimHolderFields),
}

/** Columns of an alias, for a SELECT. */
export const listed = (alias: string, names: ReadonlyArray<string>): string =>
  names.map((name) => `${alias}.${name}`).join(", ")

/** What the states are called in a SELECT. */
export const aliases = { queue: "q", leases: "l", waits: "w", outcomes: "o" } as const

const statuses = { queue: "pending", leases: "running", waits: "waiting" } as const

/** The tables of runs that have not ended. */
export const unfinishedTables = ["queue", "leases", "waits"] as const

const statusOf = (table: StateTable): string => (table === "outcomes" ? "o.status" : `'${statuses[table]}'`)

/** A column of a run's state, which is in one of these tables. */
export const stateColumn = (name: string, tables: ReadonlyArray<StateTable>): string => {
  if (name === "status") {
    const cases = tables.map((table) => `WHEN ${aliases[table]}.run_pk IS NOT NULL THEN ${statusOf(table)}`)
    return tables.length === 1 ? statusOf(tables[0]!) : `CASE ${cases.join(" ")} END`
  }
  const columns = tables
    .filter((table) => name in stateColumns[table])
    .map((table) => `${aliases[table]}.${name}`)
  return columns.length === 0
    ? "NULL"
    : columns.length === 1
      ? columns[0]!
      : `COALESCE(${columns.join(", ")})`
}

/** Columns of a SELECT, in their order, and the value of a row of them. `names` are those of the columns. */
export interface Selection<A> {
  readonly names: ReadonlyArray<string>
  readonly columns: string
  readonly toValue: ToRow<A>
}

const specNames = Object.keys(columnsIn("runs", specFields))

/** The columns of a state that are read: of `tables` those that one of them has. */
const movingNames = (tables: ReadonlyArray<StateTable>): ReadonlyArray<string> =>
  Array.from(
    new Set(
      tables.flatMap((table) =>
        Object.keys({ ...columnsIn(table, stateFields), ...columnsIn(table, holderFields) }),
      ),
    ),
  )

/** The run of a row of these columns, the first of which is its key. */
const storedBy = (
  names: ReadonlyArray<string>,
  status: Run.RunStatus | undefined,
): ToRow<RunRows.StoredRun> => {
  const readSpec = reader(specFields, names)
  const readHolder = reader(holderFields, names)
  const readState = reader<Omit<RunState.RunState, "spec" | "holder">>(stateFields, names, {
    spec: undefined,
    holder: null,
    ...(status === undefined ? {} : { status }),
  })
  const owner = names.indexOf("lease_owner")
  return (values) => {
    const state = readState(values) as Types.Mutable<RunState.RunState>
    state.spec = readSpec(values)
    if (owner !== -1 && values[owner] !== null) state.holder = readHolder(values)
    return { key: values[0] as number, state }
  }
}

/**
 * Runs whose state is in one of these tables, for a SELECT from `runs r` and these tables. Of one table only its own columns are selected,
 * since the driver makes a value for each column of each row.
 */
export const runsIn = (...tables: ReadonlyArray<StateTable>): Selection<RunRows.StoredRun> => {
  const [only] = tables
  const status = tables.length > 1 || only === undefined || only === "outcomes" ? undefined : statuses[only]
  const moving = movingNames(tables)
  return {
    names: ["run_pk", ...specNames, ...moving],
    columns: [
      listed("r", ["run_pk", ...specNames]),
      ...moving.map((name) => `${stateColumn(name, tables)} AS ${name}`),
    ].join(", "),
    toValue: storedBy(["run_pk", ...specNames, ...moving], status),
  }
}

export const queuedRuns = runsIn("queue")
export const leasedRuns = runsIn("leases")

/** Runs in any state, for a SELECT from `runs r` and `joinedStates`. */
export const allRuns = runsIn(...states)

/** Joins the state of `runs r`, whichever it is. */
export const joinedStates = states
  .map((table) => `LEFT JOIN ${table} ${aliases[table]} ON ${aliases[table]}.run_pk = r.run_pk`)
  .join(" ")

/** Details of runs, in the columns of a SELECT. */
export interface DetailSelection {
  readonly names: ReadonlyArray<string>
  readonly columns: string
  /** Makes the function that reads them from a row of these columns. */
  readonly readerIn: (
    names: ReadonlyArray<string>,
  ) => (runId: Ids.RunId, values: ReadonlyArray<unknown>) => RunState.RunDetails
}

const readerIn: DetailSelection["readerIn"] = (names) => {
  const read = reader<Omit<RunState.RunDetails, "session">>(detailFields, names, { session: null })
  const toSession = names.includes("session_id")
    ? rowsOf<SessionRow>(names as ReadonlyArray<keyof SessionRow>)
    : undefined
  return (runId, values) => {
    const details = read(values) as Types.Mutable<RunState.RunDetails>
    if (toSession !== undefined) details.session = sessionOf(runId, toSession(values))
    return details
  }
}

const fixedNames = Object.keys(columnsIn("runs", detailFields))
const outcomeNames = Object.keys(columnsIn("outcomes", detailFields))

const detailsOf = (
  ...parts: ReadonlyArray<readonly [alias: string, names: ReadonlyArray<string>]>
): DetailSelection => ({
  names: parts.flatMap(([, names]) => names),
  columns: parts.map(([alias, names]) => listed(alias, names)).join(", "),
  readerIn,
})

/** What a submission has set besides the state of a run, for a SELECT from `runs r`. */
export const fixedDetails = detailsOf(["r", fixedNames])

/** The same with its session, from `sessions s`. */
export const sessionDetails = detailsOf(["r", fixedNames], ["s", sessionNames])

/** All of it, from `outcomes o` too. */
export const allDetails = detailsOf(["r", fixedNames], ["s", sessionNames], ["o", outcomeNames])

const ofLatestSnapshot = (
  selected: string,
): string => `(SELECT ${selected} FROM inputs i WHERE i.run_pk = r.run_pk AND i.snapshot IS NOT NULL
  ORDER BY i.run_pk DESC, i.input DESC LIMIT 1)`

/** The snapshot of the latest input of a run, for a SELECT from `runs r`. */
export const latestSnapshot = ofLatestSnapshot("i.snapshot")

/** Its size in bytes. */
export const latestSnapshotBytes = ofLatestSnapshot("octet_length(i.snapshot)")

/** About how many bytes a run takes in a list, for a SELECT from `runs r` and `joinedStates`. */
export const listedBytes = [
  ["o", "result"],
  ["o", "metadata"],
  ["o", "error"],
  ["w", "waiting"],
]
  .map(([alias, column]) => `COALESCE(octet_length(${alias}.${column}), 0)`)
  .join(" + ")

export interface NameRow {
  readonly project_id: Ids.ProjectId
  readonly run_id: Ids.RunId
}

// Numbers of the database were checked before they were written.
export const eventId = Brand.nominal<Run.EventId>()
export const sequence = Brand.nominal<Run.Sequence>()

export const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)

const runNames = Object.keys(runColumns)

const ofSpec = encodersFor("runs", specFields)
const ofDetails = encodersFor("runs", detailFields)

/** The values of a new run in `runs`, in the order of `runColumns`. The database generates its key. */
export const newValues = ({ details, state: { spec }, title }: RunRows.NewRun): ReadonlyArray<Value> => {
  const values: Array<Value> = []
  for (const { encode, name } of ofSpec) values.push(encode(spec[name]))
  for (const { encode, name } of ofDetails) values.push(encode(details[name]))
  values.push(title)
  return values
}

export const newRow = (run: RunRows.NewRun): Row => rowOf(runNames, newValues(run))

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

/** Whether a change is of the state and of the log alone, which most are. A record of a step is a CUSTOM event. */
export const isPlain = ({ details, entries }: RunRows.Change): boolean => {
  if (details !== StoredRun.noDetails) return false
  for (const { event } of entries) if (event.type === "CUSTOM" && StepRecord.isReserved(event)) return false
  return true
}
