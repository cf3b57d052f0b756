/** Fills a store with runs by SQL, as submissions are not part of the measurement. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as Postgres from "../Postgres.js"
import type { StoreOptions } from "../Stores.js"
import { submission } from "../Submission.js"

export interface Load {
  readonly finished?: number
  readonly pending: number
}

const snapshot = JSON.stringify(submission.snapshot)
const submissionJson = JSON.stringify(submission)

/** The SQL that differs between the databases. */
interface Syntax {
  /** A table `numbers (n)` of the integers from `from` to `to`. */
  readonly numbers: (from: number, to: number) => string
  /** An id of the n-th run, ordered by time like the store's own; `kind` keeps ids of different columns apart. */
  readonly id: (kind: number) => string
  readonly overriding: string
}

const sqlite: Syntax = {
  numbers: (from, to) =>
    `(WITH RECURSIVE numbers (n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${to})
      SELECT n FROM numbers) numbers`,
  id: (kind) => `printf('%08x-${kind}000-7000-8000-%012x', n, n)`,
  overriding: "",
}

const postgres: Syntax = {
  numbers: (from, to) => `generate_series(${from}::bigint, ${to}::bigint) numbers (n)`,
  id: (kind) => `lpad(to_hex(n), 8, '0') || '-${kind}000-7000-8000-' || lpad(to_hex(n), 12, '0')`,
  overriding: "OVERRIDING SYSTEM VALUE",
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`

/** Inserts the finished runs and then the pending ones, numbered after the last existing run. */
const statements = (
  { id, numbers, overriding }: Syntax,
  { finished = 0, pending }: Load,
  last: number,
  project: string,
): ReadonlyArray<string> => {
  const from = `FROM ${numbers(last + 1, last + finished + pending)}`
  const now = Date.now()
  const isFinished = `n <= ${last + finished}`
  return [
    `INSERT INTO conversations (id, project_id, created_at, updated_at)
      SELECT ${id(2)}, ${text(project)}, ${now}, ${now} ${from}`,
    `INSERT INTO runs (run_pk, project_id, run_id, conversation_id, message_id, agent_id, lane, priority, max_attempts,
        created_at, root_run_id) ${overriding}
      SELECT n, ${text(project)}, ${id(1)}, ${id(2)}, ${id(3)}, ${text(submission.agentId)}, ${id(2)}, 0, 3, ${now},
        ${id(1)} ${from}`,
    `INSERT INTO inputs (run_pk, input, since, project_id, submission, snapshot, answers)
      SELECT n, 0, 0, ${text(project)}, ${text(submissionJson)}, ${text(snapshot)}, '{}' ${from}`,
    `INSERT INTO queue (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id,
        latest_sequence, updated_at, agent_id, priority)
      SELECT n, ${text(project)}, ${id(2)}, 0, ${now}, 0, 0, 0, 0, ${now}, ${text(submission.agentId)}, 0
      ${from} WHERE NOT (${isFinished})`,
    `INSERT INTO outcomes (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id,
        latest_sequence, updated_at, status, finished_at)
      SELECT n, ${text(project)}, ${id(2)}, 0, ${now}, 0, 0, 0, 0, ${now}, 'completed', ${now}
      ${from} WHERE ${isFinished}`,
  ]
}

const withSqlite = (filename: string, use: (database: Sqlite.Database) => void) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Sqlite(filename)),
    (database) => Effect.sync(() => use(database)),
    (database) => Effect.sync(() => database.close()),
  )

const checkpoint = "wal_checkpoint(TRUNCATE)"

const fillSqlite = (filename: string, load: Load) =>
  withSqlite(filename, (database) => {
    database.pragma("synchronous = OFF")
    database.pragma("cache_size = -1000000")
    const last = database.prepare("SELECT COALESCE(max(run_pk), 0) FROM runs").pluck().get() as number
    const project = database.prepare("SELECT id FROM projects LIMIT 1").pluck().get() as string
    database.transaction(() => {
      for (const statement of statements(sqlite, load, last, project)) database.exec(statement)
    })()
    database.pragma(checkpoint)
  })

const fillPostgres = (url: string, load: Load) =>
  Postgres.withClient(url, async (client) => {
    const { rows } = await client.query<{ last: string; project: string }>(
      "SELECT COALESCE(max(run_pk), 0) AS last, (SELECT id FROM projects LIMIT 1) AS project FROM runs",
    )
    const { last, project } = rows[0]!
    for (const statement of statements(postgres, load, Number(last), project)) await client.query(statement)
    await client.query(
      "SELECT setval(pg_get_serial_sequence('runs', 'run_pk'), (SELECT max(run_pk) FROM runs))",
    )
    await Postgres.tidy(client)
  })

/** Does the database's maintenance now, so that it does not happen during a measurement. */
export const tidy = (store: StoreOptions): Effect.Effect<void> =>
  store._tag === "Sqlite"
    ? withSqlite(store.filename, (database) => database.pragma(checkpoint))
    : Postgres.withClient(store.url, Postgres.tidy)

/** Adds the finished and then the pending runs of `load` to a store. */
export const fill = (store: StoreOptions, load: Load): Effect.Effect<void> =>
  store._tag === "Sqlite" ? fillSqlite(store.filename, load) : fillPostgres(store.url, load)
