/**
 * The common operations of a commit on an SQLite file: loops over prepared statements, which the driver runs at once.
 *
 * Nothing needs a lock, since a transaction of SQLite has the file for itself.
 *
 * Source: docs/decisions/0052-plain-rows-on-sqlite.md
 */
import * as RunFields from "../rows/RunFields.js"
import { byTable, Gate, stateColumns, stateValues, type StateTable, tableOf } from "../rows/RunFields.js"
import { SqlError } from "@effect/sql/SqlError"
import type { RequestSnapshot } from "@runlease/core"
import { type CounterRows, RunRows, StoredRun } from "@runlease/store"
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import { type Columns, rowsOf, type Value } from "../rows/Columns.js"
import {
  allRuns,
  conversationColumns,
  firstInputRow,
  fixedDetails,
  inputColumns,
  joinedStates,
  latestSnapshot,
  leasedRuns,
  type NameRow,
  newConversationRow,
  newValues,
  queuedRuns,
  runColumns,
  unfinishedTables,
} from "../rows/RunRow.js"
import * as RunRow from "../rows/RunRow.js"

import { deltaColumns } from "../rows/CounterRow.js"

// Statements of a commit on the handle of an SQLite file, each prepared once.

type Values = Readonly<Record<string, unknown>>

/** A statement whose rows are arrays of values. */
export interface Prepared extends Sqlite.Statement<Array<Value>, Array<Value>> {}

export type Prepare = (text: string) => Prepared

/** Prepares statements on a handle. */
export const preparing =
  (database: Sqlite.Database): Prepare =>
  (text) => {
    const statement = database.prepare<Array<Value>, Array<Value>>(text)
    return statement.reader ? statement.raw(true) : statement
  }

/** Makes the function that inserts a row of values, in the order of the columns, and returns its key. */
export const valuesInserter = (
  prepare: Prepare,
  table: string,
  columns: Columns,
): ((values: ReadonlyArray<Value>) => number) => {
  const names = Object.keys(columns)
  const places = names.map(() => "?").join(", ")
  const insert = prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`)
  return (values) => Number(insert.run(...values).lastInsertRowid)
}

/** The same for rows. Columns that a row lacks are null. */
export const inserter = (prepare: Prepare, table: string, columns: Columns): ((row: Values) => number) => {
  const names = Object.keys(columns)
  const insert = valuesInserter(prepare, table, columns)
  return (row) => {
    const values: Array<Value> = []
    for (const name of names) {
      const value = row[name]
      values.push(typeof value === "string" || typeof value === "number" ? value : null)
    }
    return insert(values)
  }
}

/** The operations of `RunRows` that each commit has, at the instant of its transaction. */
interface PlainRows {
  readonly find: (now: number, refs: ReadonlyArray<RunRows.RunRef>) => ReadonlyArray<RunRows.StoredRun>
  readonly search: (now: number, search: RunRows.Search) => RunRows.Found
  readonly advanceLanes: (
    now: number,
    lanes: ReadonlyArray<RunRows.Lane>,
    admits: boolean,
  ) => ReadonlyArray<RunRows.StoredRun>
  /** Without sessions. */
  readonly claimDetails: (
    now: number,
    runs: ReadonlyArray<RunRows.StoredRun>,
  ) => ReadonlyMap<RunRows.RunKey, RunRows.ClaimDetails>
  readonly insert: (now: number, runs: ReadonlyArray<RunRows.NewRun>) => ReadonlyArray<RunRows.RunKey>
  /** Writes states, logs and counters, and not what is stored with the states. */
  readonly write: (
    now: number,
    changes: ReadonlyArray<RunRows.Change>,
    counted: ReadonlyArray<CounterRows.CounterDelta>,
  ) => void
}

/** The largest number of runs of each kind that are due in one commit. */
const mostDue = 200

/** The condition that selects the rows of a probe: a run that names no kind or key has null there. */
const equals = (column: string, value: string | null): string =>
  value === null ? `${column} IS NULL` : `${column} = ?`

/** SQLite plans a statement again at each run when its LIMIT is a bare parameter. */
const runnableText = ({ agentId, implementationKind, version, workerKey }: RunRows.Probe): string =>
  `SELECT ${queuedRuns.columns} FROM queue q CROSS JOIN runs r ON r.run_pk = q.run_pk
    WHERE q.gate = 0 AND q.project_id = ? ${agentId === null ? "" : "AND q.agent_id = ?"}
      AND ${equals("q.implementation_kind", implementationKind)} AND ${equals("q.worker_key", workerKey)}
      AND ${equals("q.version", version)}
    ORDER BY q.priority DESC, q.rank, q.run_pk LIMIT ? + 0`

const namedLeased = `SELECT ${leasedRuns.columns} FROM runs r CROSS JOIN leases l ON l.run_pk = r.run_pk
  WHERE r.project_id = ? AND r.run_id = ?`
const named = `SELECT ${allRuns.columns} FROM runs r ${joinedStates} WHERE r.project_id = ? AND r.run_id = ?`
const keyed = `SELECT ${allRuns.columns} FROM runs r ${joinedStates} WHERE r.run_pk = ?`
const claimedBefore = `SELECT r.project_id, r.run_id FROM leases l CROSS JOIN runs r ON r.run_pk = l.run_pk
  WHERE l.claim_id = ? AND l.lease_owner = ?`
const due = [
  `SELECT run_pk FROM leases WHERE lease_owner IS NOT NULL AND lease_expires_at <= ?
    ORDER BY lease_expires_at LIMIT ${mostDue}`,
  `SELECT run_pk FROM waits WHERE waiting_expires_at <= ? ORDER BY waiting_expires_at LIMIT ${mostDue}`,
  `SELECT run_pk FROM queue WHERE gate = ${Gate.delayed} AND available_at <= ?
    ORDER BY available_at LIMIT ${mostDue}`,
  `SELECT run_pk FROM queue WHERE start_by <= ? ORDER BY start_by LIMIT ${mostDue}`,
  `SELECT run_pk FROM leases WHERE timeout_at <= ? ORDER BY timeout_at LIMIT ${mostDue}`,
]
const dueParents = `SELECT run_pk FROM outcomes WHERE open_children > 0 LIMIT ${mostDue}`
/** Which limits there are that no submission names, and whether a run is pinned, by their places in `scopes`: one look at four indexes. */
const scopes = ["agents", "projects", "named", "pinned"] as const
const scopedLimits = `SELECT 0 FROM (SELECT 1 FROM limits WHERE governs = 1 LIMIT 1)
  UNION ALL SELECT 1 FROM (SELECT 1 FROM limits WHERE governs = 2 LIMIT 1)
  UNION ALL SELECT 2 FROM (SELECT 1 FROM limit_agents LIMIT 1)
  UNION ALL SELECT 3 FROM (SELECT 1 FROM queue WHERE version >= '' LIMIT 1)`

const heads = unfinishedTables.map(
  (table) => `SELECT run_pk FROM ${table} WHERE project_id = ? AND lane = ? AND lane IS NOT NULL
    ORDER BY run_pk LIMIT 1`,
)
const claimed = `SELECT ${latestSnapshot}, ${fixedDetails.columns} FROM runs r WHERE r.run_pk = ?`

/** Rows that follow each other are on the same pages of their tables and indexes. */
const inKeyOrder = (changes: ReadonlyArray<RunRows.Change>): ReadonlyArray<RunRows.Change> => {
  for (let index = 1; index < changes.length; index += 1) {
    if (changes[index - 1]!.key > changes[index]!.key) return changes.toSorted((a, b) => a.key - b.key)
  }
  return changes
}

const toRef = rowsOf<NameRow>(["project_id", "run_id"])
const toDetails = fixedDetails.readerIn(["snapshot", ...fixedDetails.names])

const makePlain = (database: Sqlite.Database): PlainRows => {
  const prepare = preparing(database)
  const findLeased = prepare(namedLeased)
  const findNamed = prepare(named)
  const findKeyed = prepare(keyed)
  const findClaimedBefore = prepare(claimedBefore)
  const findClaimed = prepare(claimed)
  const findDue = due.map(prepare)
  const findDueParents = prepare(dueParents)
  const findScoped = prepare(scopedLimits)
  const findHeads = heads.map(prepare)
  const runnable = new Map<number, Prepared>()

  const insertRun = valuesInserter(prepare, "runs", runColumns)
  const insertInput = inserter(prepare, "inputs", inputColumns)
  const insertConversation = inserter(prepare, "conversations", conversationColumns)
  const touchConversation = prepare(
    "UPDATE conversations SET updated_at = ?, listed = 1 WHERE project_id = ? AND id = ?",
  )
  const insertState = byTable((table) => valuesInserter(prepare, table, stateColumns[table]))
  const insertLabel = prepare("INSERT INTO run_labels (project_id, name, value, run_pk) VALUES (?, ?, ?, ?)")
  const insertEvent = prepare(
    "INSERT INTO events (run_pk, event_id, sequence, payload, created_at) VALUES (?, ?, ?, ?, ?)",
  )
  const insertDelta = valuesInserter(prepare, "counter_deltas", deltaColumns)
  const writeStates = stateWriter(prepare)

  const write: PlainRows["write"] = (now, unordered, counted) => {
    const changes = inKeyOrder(unordered)
    writeStates(changes)
    for (const { entries, key } of changes) {
      for (const { eventId, sequence, text } of entries) insertEvent.run(key, eventId, sequence, text, now)
    }
    for (const { agentId, counters, minute, projectId } of counted) {
      insertDelta([projectId, agentId, minute, JSON.stringify(counters)])
    }
  }

  return {
    // Most runs that a commit names are under a lease.
    find: (_now, refs) =>
      refs.flatMap(({ projectId, runId }) => {
        const leased = findLeased.get(projectId, runId)
        if (leased !== undefined) return [leasedRuns.toValue(leased)]
        const found = findNamed.get(projectId, runId)
        return found === undefined ? [] : [allRuns.toValue(found)]
      }),

    search: (now, { claims, probes }) => {
      const found: Array<ReadonlyArray<RunRows.StoredRun>> = []
      for (const probe of probes) {
        const { agentId, implementationKind, projectId, version, wanted, workerKey } = probe
        const shape =
          (agentId === null ? 0 : 1) +
          (implementationKind === null ? 0 : 2) +
          (workerKey === null ? 0 : 4) +
          (version === null ? 0 : 8)
        const statement = runnable.get(shape) ?? prepare(runnableText(probe))
        runnable.set(shape, statement)
        const parameters: Array<Value> = [projectId]
        for (const value of [agentId, implementationKind, workerKey, version]) {
          if (value !== null) parameters.push(value)
        }
        found.push(statement.all(...parameters, wanted).map(queuedRuns.toValue))
      }

      const claimedBefore: Array<ReadonlyArray<RunRows.RunRef>> = []
      for (const { claimId, workerId } of claims) {
        const rows = findClaimedBefore.all(claimId, workerId).map(toRef)
        claimedBefore.push(rows.map(({ project_id, run_id }) => ({ projectId: project_id, runId: run_id })))
      }

      const due: Array<RunRows.RunKey> = []
      for (const statement of findDue) for (const [key] of statement.all(now)) due.push(Number(key))
      for (const [key] of findDueParents.all()) due.push(Number(key))

      const scoped = { agents: false, projects: false, named: false, pinned: false }
      for (const [mark] of findScoped.all()) scoped[scopes[Number(mark)]!] = true
      return { runnable: found, claimedBefore, due, scopedLimits: scoped, pinned: scoped.pinned }
    },

    advanceLanes: (now, lanes, admits) => {
      const first: Array<RunRows.StoredRun> = []
      for (const { lane, projectId } of lanes) {
        const keys: Array<number> = []
        for (const statement of findHeads) keys.push(...(statement.get(projectId, lane) ?? []).map(Number))
        const head = keys.length === 0 ? undefined : findKeyed.get(Math.min(...keys))
        if (head !== undefined) first.push(allRuns.toValue(head))
      }
      if (first.length === 0) return []
      const changes = StoredRun.advanced(first, now, admits)
      write(now, changes, [])
      return changes.map(StoredRun.afterChange)
    },

    claimDetails: (_now, runs) => {
      const found = new Map<RunRows.RunKey, RunRows.ClaimDetails>()
      let left = RunRows.maxClaimBytes
      for (const { key, state } of runs) {
        if (left <= 0) break
        const values = findClaimed.get(key) ?? []
        const text = values[0] as string
        left -= text.length
        const snapshot = JSON.parse(text) as RequestSnapshot.RequestSnapshot
        found.set(key, { details: toDetails(state.spec.runId, values), snapshot })
      }
      return found
    },

    insert: (now, runs) => {
      const keys: Array<RunRows.RunKey> = []
      for (const run of runs) {
        const key = insertRun(newValues(run))
        insertInput(firstInputRow(key, run))
        insertState[tableOf(run.state)](stateValues(key, run.state))
        const { labels } = run.details
        for (const name in labels) insertLabel.run(run.state.spec.projectId, name, labels[name]!, key)
        const { spec } = run.state
        if (run.conversation === "new") insertConversation(newConversationRow(spec, now))
        else if (run.conversation === "named") touchConversation.run(now, spec.projectId, spec.conversationId)
        keys.push(key)
      }
      return keys
    },

    write,
  }
}

const failureOf = (cause: unknown): SqlError =>
  cause instanceof SqlError ? cause : new SqlError({ cause, message: "The statement failed" })

/**
 * The rows of a transaction: the common operations are plain, the others are those of any SQL database, `bulk`. `now` is the instant of the
 * transaction. `writeDetails` writes what changes besides states and logs.
 */
export const make = (
  database: Sqlite.Database,
  bulk: RunRows.RunRows<SqlError>,
  now: Effect.Effect<number, SqlError>,
  writeDetails: (changes: ReadonlyArray<RunRows.Change>, now: number) => Effect.Effect<void, SqlError>,
): RunRows.RunRows<SqlError> => {
  const plain = makePlain(database)
  const atNow =
    <Arguments extends ReadonlyArray<unknown>, A>(run: (now: number, ...of: Arguments) => A) =>
    (...of: Arguments): Effect.Effect<A, SqlError> =>
      Effect.flatMap(now, (instant) => {
        try {
          return Effect.succeed(run(instant, ...of))
        } catch (cause) {
          return Effect.fail(failureOf(cause))
        }
      })
  const claimDetails = atNow(plain.claimDetails)
  const write = atNow(plain.write)
  return {
    ...bulk,
    find: atNow(plain.find),
    search: atNow(plain.search),
    advanceLanes: atNow(plain.advanceLanes),
    claimDetails: (runs, request) =>
      request === "claimed" ? claimDetails(runs) : bulk.claimDetails(runs, request),
    insert: atNow(plain.insert),
    write: (changes, counted) => {
      const written = write(changes, counted)
      return changes.every(RunRow.isPlain)
        ? written
        : Effect.zipRight(
            written,
            Effect.flatMap(now, (instant) => writeDetails(changes, instant)),
          )
    },
  }
}

// The statements that write a state over the one before: within its table, or from one table into another.
//
// SQLite copies what stays, and only what has changed is bound. Each statement is prepared once for its set of columns.

/** Writes states. Throws `RunRow.leaseChanged` when a run is not where, or its lease not as, its change saw it. */
export type Write = (changes: ReadonlyArray<RunRows.Change>) => void

/** The fewest runs that one statement moves together. */
const fewest = 4

/** The condition of the row that a change has read, whose values are the key and those of `seenBy`. */
const conditionOf = (table: StateTable): string =>
  table === "leases" ? `run_pk = ? AND ${RunRow.seenCondition(() => "?")}` : "run_pk = ?"

const nothingSeen: ReadonlyArray<Value> = []

/** What a change has read of its row, besides the key. */
const seenOf = (table: StateTable, { before }: RunRows.Change): ReadonlyArray<Value> =>
  table === "leases" ? RunRow.seenValues(before) : nothingSeen

const seenBy = ({ before, key }: RunRows.Change, table: StateTable): ReadonlyArray<Value> =>
  table === "leases" ? [key, ...RunRow.seenValues(before)] : [key]

/** Prepares a statement for each set of columns. */
const byColumns = (prepare: Prepare, table: StateTable, text: (bound: ReadonlyArray<string>) => string) => {
  const prepared = new Map<number, Prepared>()
  return (written: RunFields.Written): Prepared => {
    const before = prepared.get(written.columns)
    if (before !== undefined) return before
    const statement = prepare(text(RunFields.namesOf(table, written)))
    prepared.set(written.columns, statement)
    return statement
  }
}

const staying = (prepare: Prepare, table: StateTable): Write => {
  const difference = RunFields.changedIn[table]
  const condition = conditionOf(table)
  const update = byColumns(prepare, table, (bound) => {
    const assignments = bound.map((name) => `${name} = ?`)
    return `UPDATE ${table} SET ${assignments.join(", ")} WHERE ${condition}`
  })
  const check = prepare(`SELECT 1 FROM ${table} WHERE ${condition}`)
  return (changes) => {
    for (const change of changes) {
      const written = difference(change)
      const expected = seenBy(change, table)
      const found =
        written.columns === 0
          ? table !== "leases" || check.get(...expected) !== undefined
          : update(written).run(...written.values, ...expected).changes === 1
      if (!found) throw RunRow.leaseChanged()
    }
  }
}

/** Makes the statement that copies a row of these keys from one table into another, where `bound` columns get values. */
const copying =
  (from: StateTable, to: StateTable, source: string) =>
  (bound: ReadonlyArray<string>): string => {
    const names = RunFields.allNamesOf(to).filter(
      (name) => bound.includes(name) || name in stateColumns[from],
    )
    return `INSERT INTO ${to} (run_pk, ${names.join(", ")})
      SELECT run_pk, ${names.map((name) => (bound.includes(name) ? "?" : name)).join(", ")} FROM ${source}`
  }

const areSame = (a: ReadonlyArray<Value>, b: ReadonlyArray<Value>): boolean =>
  a.every((value, index) => value === b[index])

const isSame = (a: RunFields.Written, b: RunFields.Written): boolean =>
  a.columns === b.columns && areSame(a.values, b.values)

/** Moves one row after the other, each with its own values and its own condition. */
const movingEach = (prepare: Prepare, from: StateTable, to: StateTable) => {
  const insert = byColumns(prepare, to, copying(from, to, `${from} WHERE run_pk = ?`))
  const remove = prepare(`DELETE FROM ${from} WHERE ${conditionOf(from)}`)
  return (change: RunRows.Change, written: RunFields.Written): void => {
    insert(written).run(...written.values, change.key)
    if (remove.run(...seenBy(change, from)).changes !== 1) throw RunRow.leaseChanged()
  }
}

/** Moves the rows of some keys, all with the same values, and all with the same expected values. */
const movingAll = (prepare: Prepare, from: StateTable, to: StateTable) => {
  const source = `(SELECT value AS moved FROM json_each(?)) CROSS JOIN ${from} ON run_pk = moved`
  const insert = byColumns(prepare, to, copying(from, to, source))
  const condition = from === "leases" ? `AND ${RunRow.seenCondition(() => "?")}` : ""
  const remove = prepare(`DELETE FROM ${from} WHERE run_pk IN (SELECT value FROM json_each(?)) ${condition}`)
  return (keys: ReadonlyArray<number>, expected: ReadonlyArray<Value>, written: RunFields.Written): void => {
    const text = JSON.stringify(keys)
    insert(written).run(...written.values, text)
    if (remove.run(text, ...expected).changes !== keys.length) throw RunRow.leaseChanged()
  }
}

const moving = (prepare: Prepare, from: StateTable, to: StateTable): Write => {
  const difference = RunFields.differenceOf(from, to)
  const moveEach = movingEach(prepare, from, to)
  const moveAll = movingAll(prepare, from, to)
  return (changes) => {
    if (changes.length < fewest) {
      for (const change of changes) moveEach(change, difference(change))
      return
    }
    const written = changes.map(difference)
    const expected = changes.map((change) => seenOf(from, change))
    for (let start = 0, end = 0; start < changes.length; start = end) {
      const first = written[start]!
      const firstSeen = expected[start]!
      end = start + 1
      while (end < changes.length && isSame(first, written[end]!) && areSame(firstSeen, expected[end]!))
        end += 1
      const same = changes.slice(start, end)
      if (same.length < fewest) for (const change of same) moveEach(change, first)
      else
        moveAll(
          same.map(({ key }) => key),
          firstSeen,
          first,
        )
    }
  }
}

export const stateWriter = (prepare: Prepare): Write => {
  const all = byTable((from) =>
    byTable((to) => (from === to ? staying(prepare, to) : moving(prepare, from, to))),
  )
  return (changes) => {
    const groups = new Map<Write, Array<RunRows.Change>>()
    for (const change of changes) {
      const write = all[tableOf(change.before)][tableOf(change.after)]
      const group = groups.get(write)
      if (group === undefined) groups.set(write, [change])
      else group.push(change)
    }
    for (const [write, group] of groups) write(group)
  }
}
