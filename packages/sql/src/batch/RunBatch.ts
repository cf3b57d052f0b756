/**
 * The runs that one commit works on: read together, moved in memory, written together.
 *
 * All operations of a commit share one batch. The database may hold an older state of a run than the batch, so operations
 * find runs in the batch.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type AgentEvent, ControlEvents, LogState, type Runs, Wakeups } from "@runlease/core"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import * as EventRows from "../rows/EventRows.js"
import { eventId, Gate, logStateOf, type RunRow, subjectOf, toJson } from "../rows/RunRow.js"
import type { Found } from "./ClaimRequest.js"
import * as LaneQueries from "./LaneQueries.js"
import type { Move } from "./Moves.js"
import * as RunQueries from "./RunQueries.js"
import * as RunWrites from "./RunWrites.js"

const routeOf = (
  row: Pick<RunRow, "project_id" | "implementation_kind" | "worker_key" | "agent_id">,
): Wakeups.Route => ({
  projectId: row.project_id,
  implementationKind: row.implementation_kind,
  workerKey: row.worker_key,
  agentId: row.agent_id,
})

export interface RunBatch {
  /** The commit's instant. */
  readonly now: number
  /** What the search of the commit found for its claims. */
  readonly found: Found
  /** Reads the named runs that the batch does not have yet; `find` does not find those that do not exist. */
  readonly load: (refs: ReadonlyArray<RunQueries.RunRef>) => Effect.Effect<void, SqlError>
  /** Reads runs by key, without those that another transaction is writing. */
  readonly loadFree: (keys: Iterable<number>) => Effect.Effect<ReadonlyArray<RunRow>, SqlError>
  /** Adds a run that was just read and locked, unless the batch has it; returns it after the moves so far. */
  readonly add: (row: RunRow) => RunRow
  /** A run of the batch after the moves so far. */
  readonly find: (ref: RunQueries.RunRef) => RunRow | undefined
  /** Makes the move. When the run ends, the next one of its lane is released. */
  readonly move: (move: Move) => RunRow
  readonly append: (row: RunRow, events: ReadonlyArray<EventRows.External>) => RunRow
  /** Stores the metadata and the result of an outcome, where it has them. */
  readonly describe: (row: RunRow, outcome: Runs.Outcome) => void
  /** Adds a run that was just inserted. */
  readonly insert: (row: RunRow) => void
  /** Writes what has changed so far, for a query that must see it. */
  readonly flush: Effect.Effect<void, SqlError>
  /** The details of these runs, which are read with the last writes of the commit: the map is empty until then. */
  readonly late: <More extends RunQueries.WideColumn = never>(
    keys: ReadonlyArray<number>,
    options?: RunQueries.DetailOptions<More>,
  ) => ReadonlyMap<number, RunQueries.DetailsWith<More>>
  /** Runs an effect once the commit has succeeded, after its callers have their verdicts. */
  readonly afterwards: (effect: Effect.Effect<void>) => void
  /** Writes what has changed, reads the late details, and ends the transaction. */
  readonly finish: Effect.Effect<void, SqlError>
  /** Everything that is to run once the commit has succeeded, wake-ups included. */
  readonly after: Effect.Effect<void>
}

/** A run of the batch: as the database holds it, and as it is now. */
interface Entry {
  stored: RunRow
  row: RunRow
  readonly log: string
}

export const isRunnable = ({ gate, status }: RunRow): boolean =>
  status === "pending" && gate === Gate.runnable

/**
 * Begins the batch of a commit with the runs that were read for it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly database: Database
  readonly wakeups: Wakeups.Wakeups
  readonly now: number
  readonly rows: ReadonlyArray<RunRow>
  readonly found: Found
}): RunBatch => {
  const { database, found, now, wakeups } = options
  const { dialect } = database
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()
  const events: Array<EventRows.EventRow> = []
  const outcomes = new Map<number, RunWrites.OutcomeDetails>()
  const lanes: Array<LaneQueries.Lane> = []
  const runnable: Array<Wakeups.Route> = []
  const lateReads: Array<Effect.Effect<void, SqlError>> = []
  const after: Array<Effect.Effect<void>> = []

  const logOf = (row: Pick<RunRow, "project_id" | "run_id">) =>
    Wakeups.logKey({ projectId: row.project_id, runId: row.run_id })

  const enter = (row: RunRow): RunRow => {
    const log = logOf(row)
    entries.set(log, { stored: row, row, log })
    return row
  }

  const add = (row: RunRow): RunRow => entries.get(logOf(row))?.row ?? enter(row)
  for (const row of options.rows) add(row)

  const change = (row: RunRow): RunRow => {
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
    const state = LogState.afterAll(
      before,
      added.map(({ event }) => event),
    )
    return {
      ...row,
      latest_event_id,
      latest_sequence,
      log_state: state === before ? row.log_state : toJson(state),
      updated_at: now,
    }
  }

  const logOwn = (row: RunRow, own: ReadonlyArray<AgentEvent.LogEvent>): RunRow =>
    log(
      row,
      own.map((event) => ({ event, payload: JSON.stringify(event) })),
      "own",
    )

  const releaseLanes = Effect.suspend(() =>
    Effect.map(LaneQueries.release(database, [...lanes], now), (released) => {
      for (const row of released) {
        const { gate } = row
        if (row.status === "pending" && gate === Gate.runnable) runnable.push(routeOf(row))
        const entry = entries.get(logOf(row))
        if (entry === undefined) continue
        entry.stored = { ...entry.stored, gate }
        entry.row = { ...entry.row, gate }
      }
    }),
  )

  /** Wakes the readers of the logs that grew, and the claims that wait for the runs that became runnable. */
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
    if (grown.length > 0) after.push(wakeups.logsGrew(grown))
    if (runnable.length > 0) after.push(wakeups.runnable([...runnable]))
  }

  const write = Effect.suspend(() => {
    const added =
      events.length === 0 ? [] : [BulkStatements.insert(database, "events", EventRows.columns, events)]
    return dialect.write([
      ...RunWrites.updateRuns(database, changed),
      ...added,
      ...RunWrites.updateDetails(database, outcomes),
    ])
  })

  const written = Effect.sync(() => {
    wakeAfter()
    for (const entry of changed) entry.stored = entry.row
    changed.clear()
    outcomes.clear()
    events.length = 0
    lanes.length = 0
    runnable.length = 0
  })

  return {
    now,
    found,
    add,
    load: (refs) => {
      const missing = refs.filter((ref) => !entries.has(Wakeups.logKey(ref)))
      if (missing.length === 0) return Effect.void
      return Effect.map(RunQueries.lockRuns(database, missing), (rows) => rows.forEach(add))
    },
    loadFree: (keys) => Effect.map(RunQueries.lockFreeRuns(database, keys), (rows) => rows.map(add)),
    find: (ref) => entries.get(Wakeups.logKey(ref))?.row,
    move: (move) => {
      const row = change({ ...logOwn(move.row, move.events), updated_at: now })
      if (isRunnable(row)) runnable.push(routeOf(row))
      if (row.finished_at !== null && row.lane !== null && row.gate !== Gate.behind) {
        lanes.push({ project_id: row.project_id, lane: row.lane })
      }
      return row
    },
    append: (row, added) =>
      change(log(logOwn(row, ControlEvents.opening(subjectOf(row), logStateOf(row))), added, "external")),
    describe: (row, outcome) => {
      const details = RunWrites.outcomeDetails(outcome)
      if (Object.keys(details).length > 0) outcomes.set(row.run_pk, details)
    },
    insert: (row) => {
      enter(row)
      if (isRunnable(row)) runnable.push(routeOf(row))
      else if (row.status === "running") {
        change(logOwn(row, ControlEvents.opening(subjectOf(row), logStateOf(row))))
      }
    },
    flush: Effect.suspend(() =>
      changed.size === 0 && runnable.length === 0
        ? Effect.void
        : Effect.zipRight(dialect.together([write, releaseLanes]), written),
    ),
    late: <More extends RunQueries.WideColumn = never>(
      keys: ReadonlyArray<number>,
      options?: RunQueries.DetailOptions<More>,
    ) => {
      const details = new Map<number, RunQueries.DetailsWith<More>>()
      if (keys.length > 0) {
        lateReads.push(
          Effect.map(RunQueries.readDetails(database, keys, options), (rows) =>
            rows.forEach((row, key) => details.set(key, row)),
          ),
        )
      }
      return details
    },
    afterwards: (effect) => void after.push(effect),
    // A lane that is released may have another run to release, so its transaction ends only after that.
    finish: Effect.suspend(() =>
      Effect.zipRight(
        dialect.together([
          write,
          releaseLanes,
          ...lateReads,
          ...(lanes.length === 0 ? [dialect.commit] : []),
        ]),
        written,
      ),
    ),
    after: Effect.suspend(() => Effect.all(after, { discard: true })),
  }
}
