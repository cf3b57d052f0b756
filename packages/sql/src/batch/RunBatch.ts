/**
 * The runs that one commit works on: read together, moved in memory, written together.
 *
 * All operations of a commit share one batch. What the database says of a run that the batch holds may be
 * older than what the batch says of it, so it is asked of the batch.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import {
  type AgentEvent,
  ControlEvents,
  type GroupCommit,
  LogState,
  type Runs,
  Wakeups,
} from "@runlease/core"
import { Effect } from "effect"
import * as EventRows from "../rows/EventRows.js"
import { select } from "../dialect/ExecuteStatement.js"
import * as LaneQueries from "./LaneQueries.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Move } from "./Moves.js"
import { keyRows, readDetails, refRows, type RunRef } from "./RunQueries.js"
import {
  type DetailRow,
  eventId,
  Gate,
  logStateOf,
  type MovingColumn,
  movingColumns,
  runNames,
  type RunRow,
  selectedRun,
  subjectOf,
  toJson,
} from "../rows/RunRow.js"
import type { SqlStore } from "./SqlStore.js"

const routeOf = (
  row: Pick<RunRow, "project_id" | "implementation_kind" | "worker_key" | "agent_id">,
): Wakeups.Route => ({
  projectId: row.project_id,
  implementationKind: row.implementation_kind,
  workerKey: row.worker_key,
  agentId: row.agent_id,
})

const toldColumns = { metadata: "text", result: "text" } as const

export interface RunBatch {
  /** The commit's instant. */
  readonly now: number
  /** Reads the named runs; those that do not exist are not found afterwards. */
  readonly load: (refs: ReadonlyArray<RunRef>) => Effect.Effect<void, SqlError>
  /** Reads runs by key, without those that somebody else is writing. */
  readonly loadFree: (keys: Iterable<number>) => Effect.Effect<ReadonlyArray<RunRow>, SqlError>
  /** Takes in a run as the database holds it, just read and locked; gives it as it is after the moves so far. */
  readonly know: (row: RunRow) => RunRow
  /** A known run as it is after the moves so far. */
  readonly find: (ref: RunRef) => RunRow | undefined
  /** Makes the move; a run that ends lets the next of its lane go. */
  readonly move: (move: Move) => RunRow
  readonly append: (row: RunRow, events: ReadonlyArray<EventRows.External>) => RunRow
  /** Keeps the metadata and the result that an outcome gives, if it does. */
  readonly describe: (row: RunRow, outcome: Runs.Outcome) => void
  /** What the runs' details and sessions tell of them by now. */
  readonly details: (keys: ReadonlyArray<number>) => Effect.Effect<ReadonlyMap<number, DetailRow>, SqlError>
  /** Takes in a run that was just inserted. */
  readonly enter: (row: RunRow) => void
  /** Writes what has changed so far. Only those need it who read what was written. */
  readonly flush: Effect.Effect<void, SqlError>
  /** Has the database asked once together with what the commit ends with. */
  readonly alongside: (ask: Effect.Effect<void, SqlError>) => void
}

/** A batch that can be loaded before the commit's instant is known. */
export interface Begun extends RunBatch {
  readonly at: (now: number) => RunBatch
  /** Writes what has changed and ends the commit. */
  readonly finish: Effect.Effect<void, SqlError>
}

/** What an outcome tells, as `run_details` holds it. */
type Told = { readonly [K in keyof typeof toldColumns]?: string | null }

const toldNames: ReadonlyArray<ReadonlyArray<keyof Told>> = [["metadata"], ["result"], ["metadata", "result"]]

/** A run of the batch: as the database holds it, and as it is now. */
interface Entry {
  stored: RunRow
  row: RunRow
  readonly log: string
}

export const isRunnable = ({ gate, status }: RunRow): boolean =>
  status === "pending" && gate === Gate.runnable

const movingNames = Object.keys(movingColumns) as ReadonlyArray<MovingColumn>

const make = (store: SqlStore, commit: GroupCommit.Commit<SqlError>): Begun => {
  const { sql, dialect, wakeups } = store
  let now = Number.NaN
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()
  const events: Array<EventRows.EventRow> = []
  const told = new Map<number, Told>()
  const lanes: Array<LaneQueries.Lane> = []
  const runnable: Array<Wakeups.Route> = []
  const asked: Array<Effect.Effect<void, SqlError>> = []

  const logOf = (row: RunRow) => Wakeups.logKey({ projectId: row.project_id, runId: row.run_id })

  const add = (row: RunRow): RunRow => {
    const log = logOf(row)
    entries.set(log, { stored: row, row, log })
    return row
  }

  const know = (row: RunRow): RunRow => entries.get(logOf(row))?.row ?? add(row)

  const keep = (row: RunRow): RunRow => {
    const entry = entries.get(logOf(row))!
    entry.row = row
    changed.add(entry)
    return row
  }

  const log = (row: RunRow, added: ReadonlyArray<EventRows.External>, origin: "own" | "external"): RunRow => {
    if (added.length === 0) return row
    let { latest_event_id, latest_sequence } = row
    for (const { payload } of added) {
      latest_event_id += 1
      if (origin === "external") latest_sequence += 1
      events.push({
        run_pk: row.run_pk,
        event_id: latest_event_id,
        sequence: origin === "external" ? latest_sequence : null,
        payload,
        created_at: now,
      })
    }
    const before = logStateOf(row)
    const after = LogState.afterAll(
      before,
      added.map(({ event }) => event),
    )
    return {
      ...row,
      latest_event_id,
      latest_sequence,
      log_state: after === before ? row.log_state : toJson(after),
      updated_at: now,
    }
  }

  const logOwn = (row: RunRow, own: ReadonlyArray<AgentEvent.LogEvent>): RunRow =>
    log(
      row,
      own.map((event) => ({ event, payload: JSON.stringify(event) })),
      "own",
    )

  /** One statement for all runs of which the same columns have changed: an index is only touched for its own. */
  const updates = (): ReadonlyArray<Statement<object>> => {
    const byNames = new Map<string, { readonly names: Array<MovingColumn>; readonly rows: Array<RunRow> }>()
    for (const { row, stored } of changed) {
      const names = movingNames.filter((name) => row[name] !== stored[name])
      const key = names.join()
      const group = byNames.get(key)
      if (group !== undefined) group.rows.push(row)
      else if (names.length > 0) byNames.set(key, { names, rows: [row] })
    }
    return Array.from(byNames.values(), ({ names, rows }) =>
      BulkStatements.update(store, "runs", movingColumns, names, rows),
    )
  }

  /** One statement for all runs of which the same is told, so that none writes a row that another does. */
  const updateTold = (): ReadonlyArray<Statement<object>> => {
    const rows = Array.from(told, ([run_pk, columns]) => ({
      run_pk,
      metadata: null,
      result: null,
      ...columns,
    }))
    const statements = toldNames.flatMap((names) => {
      const alike = rows.filter(({ run_pk }) => Object.keys(told.get(run_pk)!).join() === names.join())
      return alike.length === 0
        ? []
        : [BulkStatements.update(store, "run_details", toldColumns, names, alike)]
    })
    told.clear()
    return statements
  }

  const releaseLanes = Effect.suspend(() =>
    Effect.map(LaneQueries.release(store, [...lanes], now), (released) => {
      for (const row of released) {
        const { gate } = row
        if (row.status === "pending" && gate === Gate.runnable) runnable.push(routeOf(row))
        const entry = entries.get(Wakeups.logKey({ projectId: row.project_id, runId: row.run_id }))
        if (entry === undefined) continue
        entry.stored = { ...entry.stored, gate }
        entry.row = { ...entry.row, gate }
      }
    }),
  )

  /** Tells of the logs that grew, once the commit has succeeded, and of the runs that became runnable. */
  const wakeAfter = () => {
    const added = [...events]
    const grown = Array.from(changed).flatMap(({ log, row, stored }): ReadonlyArray<Wakeups.LogGrowth> =>
      row.latest_event_id === stored.latest_event_id
        ? []
        : [
            {
              log,
              latest: eventId(row.latest_event_id),
              piece: () => EventRows.toPiece(added.filter(({ run_pk }) => run_pk === row.run_pk)),
            },
          ],
    )
    if (grown.length > 0) commit.after(wakeups.logsGrew(grown))
    if (runnable.length > 0) commit.after(wakeups.runnable([...runnable]))
  }

  const writes = Effect.suspend(() => {
    const added =
      events.length === 0 ? [] : [BulkStatements.insert(store, "events", EventRows.columns, events)]
    return dialect.write([...updates(), ...added, ...updateTold()])
  })

  const written = Effect.sync(() => {
    wakeAfter()
    for (const entry of changed) entry.stored = entry.row
    changed.clear()
    events.length = 0
    lanes.length = 0
    runnable.length = 0
  })

  const flush = Effect.suspend(() =>
    changed.size === 0 && runnable.length === 0
      ? Effect.void
      : Effect.zipRight(dialect.together([writes, releaseLanes]), written),
  )

  // Whether a lane has more to let go shows only when it has been asked for.
  const finish = Effect.suspend(() => {
    const last = lanes.length === 0 ? [dialect.commit] : []
    return Effect.zipRight(dialect.together([writes, releaseLanes, ...asked, ...last]), written)
  })

  const batch: Begun = {
    get now() {
      return now
    },
    at: (instant) => {
      now = instant
      return batch
    },
    alongside: (ask) => void asked.push(ask),
    finish,
    load: (refs) => {
      const unknown = refs.filter((ref) => !entries.has(Wakeups.logKey(ref)))
      if (unknown.length === 0) return Effect.void
      return Effect.map(
        select(
          runNames,
          sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${refRows(store, unknown)} v
            JOIN runs r ON r.project_id = v.project_id AND r.run_id = v.run_id ${dialect.lock("r", "r.run_pk")}`,
        ),
        (found) => {
          for (const row of found) know(row)
        },
      )
    },
    loadFree: (keys) =>
      Effect.map(
        select(
          runNames,
          sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${keyRows(store, keys)} v
            JOIN runs r ON r.run_pk = v.run_pk ${dialect.lockFree("r")}`,
        ),
        (found) => found.map(know),
      ),
    know,
    find: (ref) => entries.get(Wakeups.logKey(ref))?.row,
    move: (move) => {
      const row = keep({ ...logOwn(move.row, move.events), updated_at: now })
      if (isRunnable(row)) runnable.push(routeOf(row))
      if (row.finished_at !== null && row.lane !== null && row.gate !== Gate.behind) {
        lanes.push({ project_id: row.project_id, lane: row.lane })
      }
      return row
    },
    append: (row, added) =>
      keep(log(logOwn(row, ControlEvents.opening(subjectOf(row), logStateOf(row))), added, "external")),
    describe: (row, { metadata, result }) => {
      if (metadata === undefined && result === undefined) return
      told.set(row.run_pk, {
        ...(metadata === undefined ? {} : { metadata: toJson(metadata) }),
        ...(result === undefined ? {} : { result: toJson(result) }),
      })
    },
    details: (keys) =>
      Effect.zipRight(
        Effect.suspend(() => dialect.write(updateTold())),
        readDetails(store, keys),
      ),
    enter: (row) => {
      add(row)
      if (isRunnable(row)) runnable.push(routeOf(row))
      else if (row.status === "running")
        keep(logOwn(row, ControlEvents.opening(subjectOf(row), logStateOf(row))))
    },
    flush,
  }
  return batch
}

/** The batch of a commit, made for the first who asks; it is written when all operations have run. */
const begun = (store: SqlStore, commit: GroupCommit.Commit<SqlError>): Begun => {
  const there = store.batches.get(commit)
  if (there !== undefined) return there
  const batch = make(store, commit)
  store.batches.set(commit, batch)
  commit.before(batch.finish)
  return batch
}

/**
 * Reads the named runs into the batch of a commit before its instant is known; nothing else may be done with it by then.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (
  store: SqlStore,
  commit: GroupCommit.Commit<SqlError>,
  refs: ReadonlyArray<RunRef>,
): Effect.Effect<void, SqlError> => Effect.suspend(() => begun(store, commit).load(refs))

/**
 * The batch of a commit, which all of its operations share.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ofCommit = (
  store: SqlStore,
  commit: GroupCommit.Commit<SqlError>,
): Effect.Effect<RunBatch, SqlError> =>
  Effect.suspend(() => {
    const batch = begun(store, commit)
    return Number.isNaN(batch.now)
      ? Effect.map(store.dialect.now, (now) => batch.at(now))
      : Effect.succeed(batch)
  })
