/**
 * The common operations of a commit on an SQLite file: loops over prepared statements, which the driver runs at once.
 *
 * Nothing needs a lock, since a transaction of SQLite has the file for itself.
 *
 * Source: docs/decisions/0052-plain-rows-on-sqlite.md
 *
 * @since 0.1.0
 */
import type { RequestSnapshot, RunRows } from "@runlease/core"
import type Sqlite from "better-sqlite3"
import { Struct } from "effect"
import { toRow } from "../rows/Columns.js"
import * as EventRows from "../rows/EventRows.js"
import {
  firstInputRow,
  movedColumns,
  newConversationRow,
  newRow,
  stateRow,
  tableOf,
  toDetails,
  toStored,
} from "../rows/RunCodec.js"
import {
  conversationColumns,
  type DetailRow,
  fixedDetails,
  Gate,
  inputColumns,
  joinedStates,
  latestSnapshot,
  listed,
  runColumns,
  runNames,
  type RunRow,
  selectedLeased,
  selectedQueued,
  selectedRun,
  stateColumns,
} from "../rows/RunRow.js"
import * as SeenLease from "../rows/SeenLease.js"
import * as PlainStatements from "./PlainStatements.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface PlainRows {
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

const unfinished = ["queue", "leases", "waits"] as const

/** The condition that selects the rows of a probe: a run that names no kind or key has null there. */
const equals = (column: string, value: string | null): string =>
  value === null ? `${column} IS NULL` : `${column} = ?`

/** SQLite plans a statement again at each run when its LIMIT is a bare parameter. */
const runnableText = ({ agentId, implementationKind, workerKey }: RunRows.Probe): string =>
  `SELECT ${selectedQueued} FROM queue q CROSS JOIN runs r ON r.run_pk = q.run_pk
    WHERE q.gate = 0 AND q.project_id = ? ${agentId === null ? "" : "AND q.agent_id = ?"}
      AND ${equals("q.implementation_kind", implementationKind)} AND ${equals("q.worker_key", workerKey)}
    ORDER BY q.priority DESC, q.run_pk LIMIT ? + 0`

const namedLeased = `SELECT ${selectedLeased} FROM runs r CROSS JOIN leases l ON l.run_pk = r.run_pk
  WHERE r.project_id = ? AND r.run_id = ?`
const named = `SELECT ${selectedRun} FROM runs r ${joinedStates} WHERE r.project_id = ? AND r.run_id = ?`
const keyed = `SELECT ${selectedRun} FROM runs r ${joinedStates} WHERE r.run_pk = ?`
const given = `SELECT r.project_id, r.run_id FROM leases l CROSS JOIN runs r ON r.run_pk = l.run_pk
  WHERE l.claim_id = ? AND l.lease_owner = ?`
const dueTexts = [
  `SELECT run_pk FROM leases WHERE lease_owner IS NOT NULL AND lease_expires_at <= ?
    ORDER BY lease_expires_at LIMIT ${mostDue}`,
  `SELECT run_pk FROM waits WHERE waiting_expires_at <= ? ORDER BY waiting_expires_at LIMIT ${mostDue}`,
  `SELECT run_pk FROM queue WHERE gate = ${Gate.delayed} AND available_at <= ?
    ORDER BY available_at LIMIT ${mostDue}`,
]
const headTexts = unfinished.map(
  (table) => `SELECT run_pk FROM ${table} WHERE project_id = ? AND lane = ? AND lane IS NOT NULL
    ORDER BY run_pk LIMIT 1`,
)
const asSeen = SeenLease.condition(() => "?")
const removeTexts = {
  queue: "DELETE FROM queue WHERE run_pk = ?",
  leases: `DELETE FROM leases WHERE run_pk = ? AND ${asSeen}`,
  waits: "DELETE FROM waits WHERE run_pk = ?",
  outcomes: "DELETE FROM outcomes WHERE run_pk = ?",
}
const fixedNames = ["snapshot", ...Struct.keys(fixedDetails)] as const
const claimed = `SELECT ${latestSnapshot}, ${listed("r", Struct.keys(fixedDetails))} FROM runs r WHERE r.run_pk = ?`

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Sqlite.Database): PlainRows => {
  const { inserter, prepare, updater } = PlainStatements.make(database)

  const toRun = (values: ReadonlyArray<string | number | null>): RunRows.StoredRun =>
    toStored(toRow<RunRow>(runNames, values))

  const findByKey = (key: number) => {
    const values = prepare(keyed).get(key)
    return values === undefined ? undefined : toRun(values)
  }

  /** Most runs that a commit names are under a lease. */
  const find: PlainRows["find"] = (refs) =>
    refs.flatMap(({ projectId, runId }) => {
      const values = prepare(namedLeased).get(projectId, runId) ?? prepare(named).get(projectId, runId)
      return values === undefined ? [] : [toRun(values)]
    })

  const runnable = (probe: RunRows.Probe): ReadonlyArray<RunRows.StoredRun> => {
    const { agentId, implementationKind, projectId, wanted, workerKey } = probe
    const parameters = [projectId, agentId, implementationKind, workerKey, wanted]
    return prepare(runnableText(probe))
      .all(...parameters.filter((value) => value !== null))
      .map(toRun)
  }

  const keysOf = (text: string, ...parameters: ReadonlyArray<string | number>): ReadonlyArray<number> =>
    prepare(text)
      .all(...parameters)
      .map(([key]) => Number(key))

  const insertRun = inserter("runs", runColumns)
  const insertInput = inserter("inputs", inputColumns)
  const insertConversation = inserter("conversations", conversationColumns)
  const insertEvent = inserter("events", EventRows.columns)
  const insertState = {
    queue: inserter("queue", stateColumns.queue),
    leases: inserter("leases", stateColumns.leases),
    waits: inserter("waits", stateColumns.waits),
    outcomes: inserter("outcomes", stateColumns.outcomes),
  }
  const updateState = {
    queue: updater("queue"),
    leases: updater("leases", asSeen),
    waits: updater("waits"),
    outcomes: updater("outcomes"),
  }

  const writeOne = ({ after, before, details, entries, key }: RunRows.Change, now: number): void => {
    const from = tableOf(before)
    const to = tableOf(after)
    const seen = from === "leases" ? SeenLease.valuesOf(before) : []
    if (from === to) {
      if (!updateState[to](key, movedColumns(before, after), seen)) throw SeenLease.changed()
    } else {
      if (prepare(removeTexts[from]).run(key, ...seen).changes !== 1) throw SeenLease.changed()
      insertState[to](stateRow(key, after, details))
    }
    for (const { eventId, sequence, text } of entries) {
      insertEvent({ run_pk: key, event_id: eventId, sequence, payload: text, created_at: now })
    }
  }

  return {
    find,

    search: ({ claims, probes }, now) => ({
      runnable: probes.map(runnable),
      given: claims.map(({ claimId, workerId }) =>
        prepare(given)
          .all(claimId, workerId)
          .map((values) => {
            const { project_id, run_id } = toRow<Pick<RunRow, "project_id" | "run_id">>(
              ["project_id", "run_id"],
              values,
            )
            return { projectId: project_id, runId: run_id }
          }),
      ),
      due: dueTexts.flatMap((text) => keysOf(text, now)),
    }),

    laneHeads: (lanes) =>
      lanes.flatMap(({ lane, projectId }) => {
        const keys = headTexts.flatMap((text) => keysOf(text, projectId, lane))
        const head = keys.length === 0 ? undefined : findByKey(Math.min(...keys))
        return head === undefined ? [] : [head]
      }),

    claimDetails: (runs) =>
      new Map(
        runs.map(({ key, state }) => {
          const row = toRow<DetailRow & { readonly snapshot: string }>(
            fixedNames,
            prepare(claimed).get(key) ?? [],
          )
          const snapshot = JSON.parse(row.snapshot) as RequestSnapshot.RequestSnapshot
          return [key, { details: toDetails(state.spec.runId, row), snapshot }]
        }),
      ),

    insert: (runs, now) =>
      runs.map((run) => {
        const key = insertRun(newRow(run.state, run.details))
        insertInput(firstInputRow(key, run))
        insertState[tableOf(run.state)](stateRow(key, run.state, {}))
        if (run.newConversation) insertConversation(newConversationRow(run.state.spec, now))
        return key
      }),

    write: (changes, now) => {
      for (const change of changes) writeOne(change, now)
    },
  }
}
