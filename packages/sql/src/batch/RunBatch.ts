/**
 * The runs that one commit works on: read together, changed in memory, written together.
 *
 * All operations of a commit share one batch. The database may hold an older state of a run than the batch, so operations
 * find runs in the batch.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { type Runs, type Transition, Wakeups } from "@runlease/core"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import * as EventRows from "../rows/EventRows.js"
import { type StoredRun, toStored } from "../rows/RunCodec.js"
import type { RunRow } from "../rows/RunRow.js"
import type { Found } from "./ClaimRequest.js"
import * as LaneQueries from "./LaneQueries.js"
import * as RunQueries from "./RunQueries.js"
import * as RunWrites from "./RunWrites.js"

export interface RunBatch {
  /** The commit's instant. */
  readonly now: number
  /** What the search of the commit found for its claims. */
  readonly found: Found
  /** Reads the named runs that the batch does not have yet; `find` does not find those that do not exist. */
  readonly load: (refs: ReadonlyArray<RunQueries.RunRef>) => Effect.Effect<void, SqlError>
  /** Reads runs by key, without those that another transaction is writing. */
  readonly loadFree: (keys: Iterable<number>) => Effect.Effect<ReadonlyArray<StoredRun>, SqlError>
  /** Adds a run that was just read and locked, unless the batch has it; returns it as it is in the batch. */
  readonly add: (row: RunRow) => StoredRun
  /** A run of the batch, after its transitions so far. */
  readonly find: (ref: RunQueries.RunRef) => StoredRun | undefined
  /** Makes the transition. Its consequences follow when the batch is written. */
  readonly apply: (run: StoredRun, transition: Transition.Transition) => StoredRun
  /** Stores the metadata and the result of an outcome, where it has them. */
  readonly describe: (run: StoredRun, outcome: Runs.Outcome) => void
  /** Adds a run whose row was just inserted as `submitted` made it. */
  readonly insert: (row: RunRow, submitted: Transition.Transition) => StoredRun
  /** Writes what has changed so far, for a query that must see it. */
  readonly flush: Effect.Effect<void, SqlError>
  /** The details of these runs, which are read with the last writes of the commit: the map is empty until then. */
  readonly late: <More extends RunQueries.WideColumn = never>(
    keys: ReadonlyArray<number>,
    options?: RunQueries.DetailOptions<More>,
  ) => ReadonlyMap<number, RunQueries.DetailsWith<More>>
  /** Writes what has changed, reads the late details, and ends the transaction. */
  readonly finish: Effect.Effect<void, SqlError>
  /** Everything that is to run once the commit has succeeded, wake-ups included. */
  readonly after: Effect.Effect<void>
}

interface Entry extends RunWrites.Change {
  readonly log: string
}

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

  const enter = (row: RunRow, run: StoredRun): Entry => {
    const log = Wakeups.logKey(run.state.spec)
    const entry: Entry = { row, stored: run, run, log }
    entries.set(log, entry)
    return entry
  }

  const find = (ref: RunQueries.RunRef): StoredRun | undefined => entries.get(Wakeups.logKey(ref))?.run

  const add = (row: RunRow): StoredRun =>
    find({ projectId: row.project_id, runId: row.run_id }) ?? enter(row, toStored(row)).run
  for (const row of options.rows) add(row)

  const follow = (entry: Entry, transition: Transition.Transition): StoredRun => {
    const { state } = transition
    const { key } = entry.run
    entry.run = { key, state }
    changed.add(entry)
    for (const { eventId, sequence, text } of transition.entries) {
      events.push({ run_pk: key, event_id: eventId, sequence, payload: text, created_at: now })
    }
    for (const consequence of transition.consequences) {
      switch (consequence._tag) {
        case "Runnable":
          runnable.push(state.spec)
          break
        case "LaneFreed":
          lanes.push({ project_id: state.spec.projectId, lane: consequence.lane })
          break
        case "HolderCancelled":
          after.push(wakeups.signal(consequence.workerId, { _tag: "Cancelled", runId: state.spec.runId }))
          break
      }
    }
    return entry.run
  }

  const releaseLanes = Effect.suspend(() =>
    Effect.map(LaneQueries.release(database, [...lanes], now), (released) => {
      for (const { row, run, transition } of released) {
        for (const { _tag } of transition.consequences) if (_tag === "Runnable") runnable.push(run.state.spec)
        const entry = entries.get(Wakeups.logKey(run.state.spec))
        if (entry === undefined) continue
        const { gate } = transition.state
        entry.row = { ...entry.row, gate: row.gate }
        entry.stored = { key: run.key, state: { ...entry.stored.state, gate } }
        entry.run = { key: run.key, state: { ...entry.run.state, gate } }
      }
    }),
  )

  /** Wakes the readers of the logs that grew, and the claims that wait for the runs that became runnable. */
  const wakeAfter = () => {
    const added = [...events]
    const grown = Array.from(changed).flatMap(({ log, run, stored }): ReadonlyArray<Wakeups.LogGrowth> =>
      run.state.latestEventId === stored.state.latestEventId
        ? []
        : [
            {
              log,
              latest: run.state.latestEventId,
              piece: () => EventRows.toPiece(added.filter(({ run_pk }) => run_pk === run.key)),
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
    for (const entry of changed) entry.stored = entry.run
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
    find,
    apply: ({ state: { spec } }, transition) => follow(entries.get(Wakeups.logKey(spec))!, transition),
    describe: (run, outcome) => {
      const details = RunWrites.outcomeDetails(outcome)
      if (Object.keys(details).length > 0) outcomes.set(run.key, details)
    },
    insert: (row, submitted) => follow(enter(row, { key: row.run_pk, state: submitted.state }), submitted),
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
