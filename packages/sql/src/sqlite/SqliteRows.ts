/**
 * The common operations of a commit on an SQLite file: loops over prepared statements, which the driver runs at once.
 *
 * Nothing needs a lock, since a transaction of SQLite has the file for itself.
 *
 * Source: docs/decisions/0052-plain-rows-on-sqlite.md
 *
 * @since 0.1.0
 */
import { Labels, type RequestSnapshot } from "@runlease/core"
import { LimitRules, RunRows } from "@runlease/core/store"
import type Sqlite from "better-sqlite3"
import { type Columns, rowsOf } from "../rows/Columns.js"
import {
  conversationColumns,
  firstInputRow,
  inputColumns,
  newConversationRow,
  newValues,
} from "../rows/RunCodec.js"
import { Gate } from "../rows/RunFields.js"
import {
  allRuns,
  fixedDetails,
  joinedStates,
  latestSnapshot,
  leasedRuns,
  type NameRow,
  queuedRuns,
  runColumns,
  stateColumns,
  unfinishedTables,
} from "../rows/RunRow.js"
import { byTable, stateValues, tableOf } from "../rows/StateRows.js"
import * as SqliteStatements from "./SqliteStatements.js"
import * as StateUpdates from "./StateUpdates.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface SqliteRows {
  readonly find: (refs: ReadonlyArray<RunRows.RunRef>) => ReadonlyArray<RunRows.StoredRun>
  readonly search: (search: RunRows.Search, now: number) => RunRows.Found
  readonly laneHeads: (lanes: ReadonlyArray<RunRows.Lane>) => ReadonlyArray<RunRows.StoredRun>
  /** Without sessions. */
  readonly claimDetails: (
    runs: ReadonlyArray<RunRows.StoredRun>,
  ) => ReadonlyMap<RunRows.RunKey, RunRows.ClaimDetails>
  readonly insert: (runs: ReadonlyArray<RunRows.NewRun>, now: number) => ReadonlyArray<RunRows.RunKey>
  /** Writes states and logs, and not what is stored beside them. */
  readonly write: (changes: ReadonlyArray<RunRows.Change>, now: number) => void
}

/** The largest number of runs of each kind that are due in one commit. */
const mostDue = 200

/** The condition that selects the rows of a probe: a run that names no kind or key has null there. */
const equals = (column: string, value: string | null): string =>
  value === null ? `${column} IS NULL` : `${column} = ?`

/** SQLite plans a statement again at each run when its LIMIT is a bare parameter. */
const runnableText = ({ agentId, implementationKind, workerKey }: RunRows.Probe): string =>
  `SELECT ${queuedRuns.columns} FROM queue q CROSS JOIN runs r ON r.run_pk = q.run_pk
    WHERE q.gate = 0 AND q.project_id = ? ${agentId === null ? "" : "AND q.agent_id = ?"}
      AND ${equals("q.implementation_kind", implementationKind)} AND ${equals("q.worker_key", workerKey)}
    ORDER BY q.priority DESC, q.rank, q.run_pk LIMIT ? + 0`

/** Which of the statements for a probe is its own. */
const shapeOf = ({ agentId, implementationKind, workerKey }: RunRows.Probe): number =>
  (agentId === null ? 0 : 1) + (implementationKind === null ? 0 : 2) + (workerKey === null ? 0 : 4)

const namedLeased = `SELECT ${leasedRuns.columns} FROM runs r CROSS JOIN leases l ON l.run_pk = r.run_pk
  WHERE r.project_id = ? AND r.run_id = ?`
const named = `SELECT ${allRuns.columns} FROM runs r ${joinedStates} WHERE r.project_id = ? AND r.run_id = ?`
const keyed = `SELECT ${allRuns.columns} FROM runs r ${joinedStates} WHERE r.run_pk = ?`
const given = `SELECT r.project_id, r.run_id FROM leases l CROSS JOIN runs r ON r.run_pk = l.run_pk
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
/** Which limits there are that no submission names: one look at three indexes. */
const governing = `SELECT 1 FROM (SELECT 1 FROM limits WHERE governs = 1 LIMIT 1)
  UNION ALL SELECT 2 FROM (SELECT 1 FROM limits WHERE governs = 2 LIMIT 1)
  UNION ALL SELECT 3 FROM (SELECT 1 FROM limit_agents LIMIT 1)`

const toGoverns = (marks: ReadonlyArray<unknown>): LimitRules.Governs =>
  marks.length === 0
    ? LimitRules.noneGovern
    : { agents: marks.includes(1), projects: marks.includes(2), named: marks.includes(3) }

const heads = unfinishedTables.map(
  (table) => `SELECT run_pk FROM ${table} WHERE project_id = ? AND lane = ? AND lane IS NOT NULL
    ORDER BY run_pk LIMIT 1`,
)
const claimed = `SELECT ${latestSnapshot}, ${fixedDetails.columns} FROM runs r WHERE r.run_pk = ?`

/** Rows that follow each other are on the same pages of their tables and indexes. */
const inKeyOrder = (changes: ReadonlyArray<RunRows.Change>): ReadonlyArray<RunRows.Change> =>
  changes.every(({ key }, index) => index === 0 || changes[index - 1]!.key < key)
    ? changes
    : changes.toSorted((a, b) => a.key - b.key)

const toRef = rowsOf<NameRow>(["project_id", "run_id"])
const toDetails = fixedDetails.readerIn(["snapshot", ...fixedDetails.names])

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Sqlite.Database): SqliteRows => {
  const prepare = SqliteStatements.preparing(database)
  const findLeased = prepare(namedLeased)
  const findNamed = prepare(named)
  const findKeyed = prepare(keyed)
  const findGiven = prepare(given)
  const findClaimed = prepare(claimed)
  const findDue = due.map(prepare)
  const findDueParents = prepare(dueParents)
  const findGoverning = prepare(governing)
  const findHeads = heads.map(prepare)
  const runnable = new Map<number, SqliteStatements.Prepared>()

  const findRunnable = (probe: RunRows.Probe): ReadonlyArray<RunRows.StoredRun> => {
    const shape = shapeOf(probe)
    const statement = runnable.get(shape) ?? prepare(runnableText(probe))
    runnable.set(shape, statement)
    const { agentId, implementationKind, projectId, wanted, workerKey } = probe
    const parameters = [projectId, agentId, implementationKind, workerKey, wanted]
    return statement.all(...parameters.filter((value) => value !== null)).map(queuedRuns.toValue)
  }

  const inserter = (table: string, columns: Columns) => SqliteStatements.inserter(prepare, table, columns)
  const insertRun = SqliteStatements.valuesInserter(prepare, "runs", runColumns)
  const insertInput = inserter("inputs", inputColumns)
  const insertConversation = inserter("conversations", conversationColumns)
  const insertState = byTable((table) => SqliteStatements.valuesInserter(prepare, table, stateColumns[table]))
  const insertLabel = prepare("INSERT INTO run_labels (project_id, name, value, run_pk) VALUES (?, ?, ?, ?)")
  const insertEvent = prepare(
    "INSERT INTO events (run_pk, event_id, sequence, payload, created_at) VALUES (?, ?, ?, ?, ?)",
  )
  const writeStates = StateUpdates.make(prepare)

  return {
    // Most runs that a commit names are under a lease.
    find: (refs) =>
      refs.flatMap(({ projectId, runId }) => {
        const leased = findLeased.get(projectId, runId)
        if (leased !== undefined) return [leasedRuns.toValue(leased)]
        const found = findNamed.get(projectId, runId)
        return found === undefined ? [] : [allRuns.toValue(found)]
      }),

    search: ({ claims, probes }, now) => ({
      runnable: probes.map(findRunnable),
      given: claims.map(({ claimId, workerId }) =>
        findGiven
          .all(claimId, workerId)
          .map(toRef)
          .map(({ project_id, run_id }) => ({ projectId: project_id, runId: run_id })),
      ),
      due: [
        ...findDue.flatMap((statement) => statement.all(now).map(([key]) => Number(key))),
        ...findDueParents.all().map(([key]) => Number(key)),
      ],
      governs: toGoverns(findGoverning.all().map(([mark]) => Number(mark))),
    }),

    laneHeads: (lanes) =>
      lanes.flatMap(({ lane, projectId }) => {
        const keys = findHeads.flatMap((statement) => statement.get(projectId, lane)?.map(Number) ?? [])
        const head = keys.length === 0 ? undefined : findKeyed.get(Math.min(...keys))
        return head === undefined ? [] : [allRuns.toValue(head)]
      }),

    claimDetails: (runs) => {
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

    insert: (runs, now) =>
      runs.map((run) => {
        const key = insertRun(newValues(run))
        insertInput(firstInputRow(key, run))
        insertState[tableOf(run.state)](stateValues(key, run.state))
        for (const [name, value] of Labels.entries(run.details.labels)) {
          insertLabel.run(run.state.spec.projectId, name, value, key)
        }
        if (run.newConversation) insertConversation(newConversationRow(run.state.spec, now))
        return key
      }),

    write: (unordered, now) => {
      const changes = inKeyOrder(unordered)
      writeStates(changes)
      for (const { entries, key } of changes) {
        for (const { eventId, sequence, text } of entries) insertEvent.run(key, eventId, sequence, text, now)
      }
    },
  }
}
