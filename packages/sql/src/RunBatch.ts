/**
 * The runs that one batch of requests works on: read together, moved in memory, written together.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import {
  type AgentEvent,
  ControlEvents,
  type GroupCommit,
  type Ids,
  LogState,
  Run,
  Wakeups,
} from "@runlease/core"
import { DateTime, Effect } from "effect"
import type { Columns } from "./Dialect.js"
import type { Move } from "./Moves.js"
import {
  Gate,
  logColumns,
  logStateOf,
  movingColumns,
  type RunRow,
  selected,
  subjectOf,
  toJson,
} from "./RunRow.js"
import type { SqlStore } from "./SqlStore.js"

export interface RunRef {
  readonly projectId: Ids.ProjectId
  readonly runId: Ids.RunId
}

export const logKey: (ref: RunRef) => string = Wakeups.logKey

const routeOf = (
  row: Pick<RunRow, "project_id" | "implementation_kind" | "worker_key" | "agent_id">,
): Wakeups.Route => ({
  projectId: row.project_id,
  implementationKind: row.implementation_kind,
  workerKey: row.worker_key,
  agentId: row.agent_id,
})

/** The runs that `keys` (a table `v`) name by `on`, each with its details and its session. */
const selectRuns = ({ sql }: SqlStore, keys: Fragment, on: string, suffix: Fragment) =>
  sql<RunRow>`SELECT ${sql.literal(selected)} FROM ${keys} v
    JOIN runs r ON ${sql.literal(on)}
    JOIN run_details d ON d.run_pk = r.run_pk
    LEFT JOIN sessions s ON s.run_pk = r.run_pk ${suffix}`

const refColumns = { project_id: "text", run_id: "text" } as const
const keyColumns = { run_pk: "integer" } as const
const byRef = "r.project_id = v.project_id AND r.run_id = v.run_id"

const refRows = (store: SqlStore, refs: ReadonlyArray<RunRef>): Fragment =>
  store.dialect.rows(
    refColumns,
    refs.map(({ projectId, runId }) => ({ project_id: projectId, run_id: runId })),
  )

/** Run keys as a table. */
export const keyRows = (store: SqlStore, keys: Iterable<number>): Fragment =>
  store.dialect.rows(
    keyColumns,
    Array.from(keys, (run_pk) => ({ run_pk })),
  )

/** Reads one run, to look at it only. */
export const findRun = (store: SqlStore, ref: RunRef): Effect.Effect<RunRow | undefined, SqlError> =>
  Effect.map(selectRuns(store, refRows(store, [ref]), byRef, store.sql.literal("")), ([row]) => row)

const eventColumns = {
  run_pk: "integer",
  event_id: "integer",
  sequence: "integer",
  payload: "text",
  created_at: "integer",
} as const satisfies Columns

/** An entry of a log as it is stored. */
export interface EntryRow {
  readonly event_id: number
  readonly sequence: number | null
  readonly payload: string
  readonly created_at: number
}

interface EventRow extends EntryRow {
  readonly run_pk: number
}

/** Rows of one log, in its order, as entries. */
export const toPiece = (rows: ReadonlyArray<EntryRow>): Wakeups.LogPiece => ({
  entries: rows.map((row) => ({
    eventId: Run.EventId.make(row.event_id),
    sequence: row.sequence === null ? null : Run.Sequence.make(row.sequence),
    event: JSON.parse(row.payload) as AgentEvent.AgentEvent,
    createdAt: DateTime.unsafeMake(row.created_at),
  })),
  bytes: rows.reduce((bytes, { payload }) => bytes + payload.length, 0),
})

/** An event that an outsider appends, with its JSON text. */
export interface External {
  readonly event: AgentEvent.AgentEvent
  readonly payload: string
}

export interface RunBatch {
  readonly now: number
  /** Reads the named runs; those that do not exist are not found afterwards. */
  readonly load: (refs: ReadonlyArray<RunRef>) => Effect.Effect<void, SqlError>
  /** Reads runs by key, without those that somebody else is writing. */
  readonly loadFree: (keys: Iterable<number>) => Effect.Effect<ReadonlyArray<RunRow>, SqlError>
  /** A loaded run as it is after the moves so far. */
  readonly find: (ref: RunRef) => RunRow | undefined
  /** Makes the move; a run that ends lets the next of its lane go. */
  readonly move: (move: Move) => RunRow
  readonly append: (row: RunRow, events: ReadonlyArray<External>) => RunRow
  /** Takes in a run that was just inserted. */
  readonly enter: (row: RunRow) => void
  /** Writes what has changed, and wakes whoever waits for it after the commit. */
  readonly flush: Effect.Effect<void, SqlError>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore, commit: GroupCommit.Commit): Effect.Effect<RunBatch, SqlError> =>
  Effect.map(store.dialect.now, (now) => {
    const { sql, dialect, wakeups } = store
    const rows = new Map<string, RunRow>()
    const moved = new Set<string>()
    const grown = new Set<string>()
    const events: Array<EventRow> = []
    const lanes: Array<{ readonly project_id: string; readonly lane: string }> = []
    const runnable: Array<Wakeups.Route> = []

    const keyOf = (row: RunRow) => logKey({ projectId: row.project_id, runId: row.run_id })

    const keep = (row: RunRow): RunRow => {
      rows.set(keyOf(row), row)
      return row
    }

    const log = (row: RunRow, added: ReadonlyArray<External>, origin: "own" | "external"): RunRow => {
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
      grown.add(keyOf(row))
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

    /** How the logs grew by `added`. */
    const growth =
      (added: ReadonlyArray<EventRow>) =>
      (log: string): Wakeups.LogGrowth => {
        const { latest_event_id, run_pk } = rows.get(log)!
        return {
          log,
          latest: Run.EventId.make(latest_event_id),
          piece: () => toPiece(added.filter((row) => row.run_pk === run_pk)),
        }
      }

    const logOwn = (row: RunRow, own: ReadonlyArray<AgentEvent.AgentEvent>): RunRow =>
      log(
        row,
        own.map((event) => ({ event, payload: JSON.stringify(event) })),
        "own",
      )

    const update = (columns: Columns, keys: Iterable<string>) => {
      const changed = Array.from(keys, (key) => rows.get(key)!)
      if (changed.length === 0) return Effect.void
      const assignments = Object.keys(columns).map((name) => `${name} = v.${name}`)
      return sql`UPDATE runs SET ${sql.csv(assignments)}
        FROM ${dialect.rows({ ...keyColumns, ...columns }, changed)} v WHERE runs.run_pk = v.run_pk`
    }

    const insertEvents = Effect.gen(function* () {
      if (events.length === 0) return
      const names = sql.csv(Object.keys(eventColumns))
      yield* sql`INSERT INTO events (${names}) SELECT ${names} FROM ${dialect.rows(eventColumns, events)} v`
    })

    /** The first unfinished run of a lane is the one that may go. */
    const releaseLanes = Effect.suspend(() => {
      if (lanes.length === 0) return Effect.void
      const left = dialect.rows({ project_id: "text", lane: "text" }, lanes)
      return Effect.map(
        sql<RunRow>`UPDATE runs
          SET gate = CASE WHEN available_at > ${now} THEN ${Gate.delayed} ELSE ${Gate.runnable} END
          WHERE status = 'pending' AND gate = ${Gate.behind} AND run_pk IN (
            SELECT (
              SELECT r.run_pk FROM runs r
              WHERE r.project_id = v.project_id AND r.lane = v.lane AND r.lane IS NOT NULL AND r.finished_at IS NULL
              ORDER BY r.run_pk LIMIT 1
            ) FROM ${left} v
          )
          RETURNING project_id, implementation_kind, worker_key, agent_id, gate`,
        (released) => {
          for (const row of released) if (row.gate === Gate.runnable) runnable.push(routeOf(row))
        },
      )
    })

    return {
      now,
      load: (refs) =>
        refs.length === 0
          ? Effect.void
          : Effect.map(
              selectRuns(store, refRows(store, refs), byRef, dialect.lock("r", "r.run_pk")),
              (found) => {
                for (const row of found) keep(row)
              },
            ),
      loadFree: (keys) =>
        Effect.map(
          selectRuns(store, keyRows(store, keys), "r.run_pk = v.run_pk", dialect.lockFree("r")),
          (found) => found.map(keep),
        ),
      find: (ref) => rows.get(logKey(ref)),
      move: (move) => {
        const row = keep({ ...logOwn(move.row, move.events), updated_at: now })
        moved.add(keyOf(row))
        if (row.status === "pending" && row.gate === Gate.runnable) runnable.push(routeOf(row))
        if (row.finished_at !== null && row.lane !== null) {
          lanes.push({ project_id: row.project_id, lane: row.lane })
        }
        return row
      },
      append: (row, added) =>
        keep(log(logOwn(row, ControlEvents.opening(subjectOf(row), logStateOf(row))), added, "external")),
      enter: (row) => {
        keep(row)
        if (row.status === "pending" && row.gate === Gate.runnable) runnable.push(routeOf(row))
        else if (row.status === "running")
          keep(logOwn(row, ControlEvents.opening(subjectOf(row), logStateOf(row))))
      },
      flush: Effect.gen(function* () {
        yield* update(movingColumns, moved)
        yield* update(
          logColumns,
          Array.from(grown).filter((key) => !moved.has(key)),
        )
        yield* insertEvents
        yield* releaseLanes
        commit.after(wakeups.logsGrew(Array.from(grown, growth(Array.from(events)))))
        commit.after(wakeups.runnable([...runnable]))
        moved.clear()
        grown.clear()
        events.length = 0
        lanes.length = 0
        runnable.length = 0
      }),
    }
  })
