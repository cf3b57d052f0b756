/**
 * The columns of a run in its tables.
 *
 * @since 0.1.0
 */
import type { Ids, Run } from "@runlease/core"
import { Struct } from "effect"
import { type Columns, rowsOf } from "./Columns.js"
import { sessionNames, type SessionRow } from "./SessionRow.js"

/** Values of `gate`. */
export const Gate = { runnable: 0, delayed: 1, behind: 2 } as const

/** What is stored beside the state of a run and never changes. */
export const fixedDetails = {
  mode: "text",
  parent_run_id: "text",
  root_run_id: "text",
  trigger_call: "text",
  source_target: "text",
  runtime_target: "text",
} as const satisfies Columns

/** Columns of `runs` that transitions read. */
const specColumns = {
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
  child: "text",
} as const satisfies Columns

/** Columns of `runs`, which a submission sets for good. */
export const runColumns = { ...specColumns, ...fixedDetails, title: "text" } as const satisfies Columns

/** The table that a run stands in is its state. */
export type StateTable = "queue" | "leases" | "waits" | "outcomes"

const shared = {
  gate: "integer",
  available_at: "integer",
  attempt: "integer",
  lease_epoch: "integer",
  latest_event_id: "integer",
  latest_sequence: "integer",
  log_state: "text",
  updated_at: "integer",
  started_at: "integer",
  children: "text",
  budget: "text",
} as const satisfies Columns

const claim = {
  lease_owner: "text",
  lease_expires_at: "integer",
  claim_id: "text",
  claimed_at: "integer",
  renewals: "integer",
  renewed_at: "integer",
  longest_gap: "integer",
} as const satisfies Columns

const wait = {
  waiting: "text",
  waiting_expires_at: "integer",
  /** For an index: when the run fails without answers, or a time after all others; null where it asks for none. */
  answers_due: "integer",
} as const satisfies Columns

const outcome = {
  status: "text",
  error: "text",
  finished_at: "integer",
  /** For an index. */
  open_children: "integer",
} as const satisfies Columns

/** What an outcome has beside its state. */
const outcomeDetails = { metadata: "text", result: "text" } as const satisfies Columns

/** Columns of each state that transitions change. */
export const movingColumns = {
  queue: { ...shared, past_attempt: "text" },
  leases: { ...shared, ...claim },
  waits: { ...shared, ...wait },
  outcomes: { ...shared, ...claim, ...outcome },
} as const satisfies Record<StateTable, Columns>

/** Columns of each state that it repeats of `runs`. */
const repeated = { project_id: "text", lane: "text" } as const satisfies Columns

/** All columns of each state. */
export const stateColumns = {
  queue: {
    run_pk: "integer",
    ...repeated,
    agent_id: "text",
    implementation_kind: "text",
    worker_key: "text",
    priority: "integer",
    ...movingColumns.queue,
  },
  leases: { run_pk: "integer", ...repeated, ...movingColumns.leases },
  waits: { run_pk: "integer", ...repeated, ...movingColumns.waits },
  outcomes: {
    run_pk: "integer",
    ...repeated,
    ...movingColumns.outcomes,
    ...outcomeDetails,
  },
} as const satisfies Record<StateTable, Columns>

/** Columns that nothing reads but an index. */
type IndexColumn = "open_children" | "answers_due"

type MovingColumn = Exclude<{ [T in StateTable]: keyof (typeof movingColumns)[T] }[StateTable], IndexColumn>

/** A column of a state, but its key. */
export type StateColumn = Exclude<{ [T in StateTable]: keyof (typeof stateColumns)[T] }[StateTable], "run_pk">

const movingNames: ReadonlyArray<MovingColumn> = Struct.keys(
  Struct.omit(
    {
      ...movingColumns.queue,
      ...movingColumns.leases,
      ...movingColumns.waits,
      ...movingColumns.outcomes,
    },
    "open_children",
    "answers_due",
  ),
)

/** The names of a `RunRow`, in the order in which it is selected. */
export const runNames = ["run_pk", ...Struct.keys(specColumns), ...movingNames] as const

/** Columns of an alias, for a SELECT. */
export const listed = (alias: string, names: ReadonlyArray<string>): string =>
  names.map((name) => `${alias}.${name}`).join(", ")

/** What the states are called in a SELECT. */
export const aliases = { queue: "q", leases: "l", waits: "w", outcomes: "o" } as const

const statuses = { queue: "pending", leases: "running", waits: "waiting" } as const

/** The tables of runs that have not ended. */
export const unfinishedTables = Struct.keys(statuses)

const statusOf = (table: StateTable): string => (table === "outcomes" ? "o.status" : `'${statuses[table]}'`)

/** A column of a run's state, which is in one of these tables. */
export const stateColumn = (name: MovingColumn, tables: ReadonlyArray<StateTable>): string => {
  if (name === "status") {
    const cases = tables.map((table) => `WHEN ${aliases[table]}.run_pk IS NOT NULL THEN ${statusOf(table)}`)
    return tables.length === 1 ? statusOf(tables[0]!) : `CASE ${cases.join(" ")} END`
  }
  const having = tables.filter((table) => name in movingColumns[table])
  const columns = having.map((table) => `${aliases[table]}.${name}`)
  return columns.length === 0
    ? "NULL"
    : columns.length === 1
      ? columns[0]!
      : `COALESCE(${columns.join(", ")})`
}

/** The columns of a `RunRow`, for a SELECT from `runs r` and these tables, of which one has its state. */
export const selectedFrom = (tables: ReadonlyArray<StateTable>): string =>
  [
    listed("r", ["run_pk", ...Struct.keys(specColumns)]),
    ...movingNames.map((name) => `${stateColumn(name, tables)} AS ${name}`),
  ].join(", ")

const states: ReadonlyArray<StateTable> = ["queue", "leases", "waits", "outcomes"]

/** The columns of a `RunRow`, for a SELECT from `runs r` and `joinedStates`. */
export const selectedRun = selectedFrom(states)

/** Joins the state of `runs r`, whichever it is. */
export const joinedStates = states
  .map((table) => `LEFT JOIN ${table} ${aliases[table]} ON ${aliases[table]}.run_pk = r.run_pk`)
  .join(" ")

/** The columns of a `RunRow`, for a SELECT from `queue q` and `runs r`. */
export const selectedQueued = selectedFrom(["queue"])

/**
 * Rows of runs whose state is in one table, for a SELECT from `runs r` and that table: only its own columns are selected, since
 * the driver makes a value for each column of each row.
 */
const rowsIn = (table: keyof typeof statuses) => {
  const own = movingNames.filter((name) => name in movingColumns[table])
  const absent = movingNames.filter((name) => !own.includes(name))
  const specNames = ["run_pk", ...Struct.keys(specColumns)] as const
  return {
    selected: `${listed("r", specNames)}, ${listed(aliases[table], own)}`,
    toRow: rowsOf<RunRow>(
      [...specNames, ...own],
      absent.map((name) => [name, name === "status" ? statuses[table] : null] as const),
    ),
  }
}

export const queuedRuns = rowsIn("queue")
export const leasedRuns = rowsIn("leases")

/** The columns of a `DetailRow`, for a SELECT from `runs r`, `outcomes o` and `sessions s`. */
export const selectedDetails = [
  listed("r", Struct.keys(fixedDetails)),
  listed("s", sessionNames),
  listed("o", Struct.keys(outcomeDetails)),
].join(", ")

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

/** What is stored beside the state of a run: columns of `runs`, of `outcomes` and, where it may have one, of `sessions`. */
export interface DetailRow extends Partial<SessionRow> {
  readonly mode: string | null
  readonly parent_run_id: Ids.RunId | null
  readonly root_run_id: Ids.RunId
  readonly trigger_call: string | null
  readonly source_target: string | null
  readonly runtime_target: string | null
  /** Absent for a run that has no outcome. */
  readonly metadata?: string | null
  readonly result?: string | null
}

/** A run of `runs` and its state. JSON columns are text; instants are milliseconds since the epoch. */
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
  /** How the run belongs to its parent, if it has one. */
  readonly child: string | null
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
  readonly claimed_at: number | null
  readonly renewals: number | null
  readonly renewed_at: number | null
  readonly longest_gap: number | null
  readonly past_attempt: string | null
  readonly waiting: string | null
  readonly waiting_expires_at: number | null
  readonly error: string | null
  readonly children: string | null
  readonly budget: string | null
  readonly started_at: number | null
  readonly finished_at: number | null
}

/** The rows of a SELECT of a `RunRow`. */
export const toRunRow = rowsOf<RunRow>(runNames)
