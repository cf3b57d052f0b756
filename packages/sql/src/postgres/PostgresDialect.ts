/**
 * PostgreSQL: any number of writers, so rows are locked before they are read to be written.
 *
 * Each statement of a transaction reads what is committed when it starts. A row that it finds may have changed until it is
 * locked; PostgreSQL then reads the row again, but not the rows that were joined to it.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Array, Effect } from "effect"
import type { Columns, RowOf } from "../rows/Columns.js"
import type { RunRows } from "@runlease/store"
import { type Dialect, toCandidate } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { queuedRuns } from "../rows/RunRow.js"
import { codeOf } from "../dialect/SqlFailure.js"
import type { StoreTime } from "../dialect/StoreTime.js"
import { arrayText } from "./PostgresText.js"
import * as PostgresTransaction from "./PostgresTransaction.js"

/** Failures of the statement itself: values that do not fit, constraints, limits. */
const isStatementFailure = (error: SqlError): boolean => /^(0A|22|23|42|54)/.test(codeOf(error))

/**
 * The migrator checks for its own table in a way that would end the transaction, so the table is made first. The wait for
 * a table in use is short, since later statements on that table wait behind this one.
 */
const beginMigration = `
  SET LOCAL statement_timeout = 0;
  SET LOCAL lock_timeout = 0;
  SELECT pg_advisory_xact_lock(hashtextextended('runlease_migrations', 0));
  SET LOCAL lock_timeout = 10000;
  CREATE TABLE IF NOT EXISTS runlease_migrations (
    migration_id integer PRIMARY KEY,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    name text NOT NULL
  )`

/** The largest number of SELECTs in one statement: planning more takes long. */
const selectsPerStatement = 100

const types = { integer: "bigint", text: "text" } as const

export const make = (sql: SqlClient.SqlClient, time: StoreTime["Type"]): Dialect => {
  // One array for each column: the database and this process read the names of the columns once, and not in each row.
  const rows = <C extends Columns>(columns: C, values: ReadonlyArray<RowOf<C>>) => {
    const names = Object.keys(columns)
    const arrays = names.map(
      (name) =>
        sql`${arrayText(values.map((row) => row[name] ?? null))}::${sql.literal(types[columns[name]!])}[]`,
    )
    return sql`(SELECT * FROM unnest(${sql.csv(arrays)}) AS t(${sql.literal(names.join(", "))}))`
  }

  const columns = sql.literal(queuedRuns.columns)

  // All rows that a probe finds have the same kind, key and version, but PostgreSQL uses the order of the index only where ORDER BY
  // names the columns that are compared with IS NULL.
  const probe = (
    { agentId, implementationKind, projectId, version, wanted, workerKey }: RunRows.Probe,
    index: number,
  ) => {
    const equals = (column: string, value: string | null) =>
      value === null ? sql.literal(`${column} IS NULL`) : sql`${sql.literal(column)} = ${value}`
    return sql`SELECT * FROM (
      SELECT ${columns}, ${sql.literal(String(index))} AS probe FROM queue q JOIN runs r ON r.run_pk = q.run_pk
      WHERE q.gate = 0 AND q.project_id = ${projectId}
        ${agentId === null ? sql.literal("") : sql`AND q.agent_id = ${agentId}`}
        AND ${equals("q.implementation_kind", implementationKind)} AND ${equals("q.worker_key", workerKey)}
        AND ${equals("q.version", version)}
      ORDER BY q.implementation_kind, q.worker_key, q.version, q.priority DESC, q.rank, q.run_pk
      LIMIT ${wanted} FOR UPDATE OF q SKIP LOCKED
    ) ${sql.literal(`probe_${index}`)}`
  }

  const lockEach = (lock: "pg_advisory_xact_lock" | "pg_advisory_xact_lock_shared"): Dialect["lockNames"] => {
    const locks = sql.literal(`SELECT ${lock}(key) FROM`)
    return (names) =>
      names.length === 0
        ? Effect.void
        : PostgresTransaction.holding(
            Effect.asVoid(sql`${locks} (
            SELECT DISTINCT hashtextextended(name, 0) AS key
            FROM ${rows(
              { name: "text" },
              names.map((name) => ({ name })),
            )} v ORDER BY key
          ) AS locks`),
          )
  }

  const transactions = PostgresTransaction.make(sql, time, rows)
  return {
    ...transactions,
    civilNow: transactions.now,
    beginMigration: sql.unsafe(beginMigration).pipe(Effect.asVoid),
    confirm: PostgresTransaction.probeCommit(sql),
    blames: isStatementFailure,
    // The driver does not block the thread, so requests arrive while a commit is in flight.
    gather: Effect.yieldNow(),
    rows,
    // With a table of values, PostgreSQL may join them with all rows of a table that was empty a minute ago.
    isOneOf: (column, values) => sql`${sql.literal(column)} = ANY(${arrayText([...values])}::bigint[])`,
    // A plan for any value takes each value for a frequent one, and would read all rows in the order of their keys until it has found
    // some. An order that begins with the column excludes it, and comparisons of both columns are where the scan begins and ends.
    keyRange: ({ before, column, direction, least, value }) => {
      const both = sql.literal(`(b.${column}, b.run_pk)`)
      return {
        hint: "",
        condition: sql`${both} >= (${value}, ${least}) AND ${both} < (${value}, ${before})`,
        order: `b.${column} ${direction}, b.run_pk ${direction}`,
      }
    },
    locks: true,
    lockRuns: PostgresTransaction.lockRuns(sql, rows),
    holding: PostgresTransaction.holding,
    lock: (alias, key) => sql.literal(`ORDER BY ${key} FOR UPDATE OF ${alias}`),
    lockShared: (alias, key) => sql.literal(`ORDER BY ${key} FOR NO KEY UPDATE OF ${alias}`),
    lockFree: (alias) => sql.literal(`FOR UPDATE OF ${alias} SKIP LOCKED`),
    keep: (alias) => sql.literal(`FOR KEY SHARE OF ${alias}`),
    lockNames: lockEach("pg_advisory_xact_lock"),
    shareNames: lockEach("pg_advisory_xact_lock_shared"),
    // All of them see the database as it was before the first. Leases are locked in the order of their keys, as each statement
    // writes its own.
    write: (statements, exact = []) => {
      const [only] = statements
      if (exact.length === 0 && statements.length < 2) {
        return only === undefined ? Effect.void : PostgresTransaction.holding(Effect.asVoid(execute(only)))
      }
      const all = exact.flatMap((write) => write.keys)
      const keys = all.every((key, index) => index === 0 || all[index - 1]! < key) ? [] : all
      const locked = sql`locked AS MATERIALIZED (SELECT run_pk FROM leases
        WHERE run_pk = ANY(${arrayText(keys)}::bigint[]) ORDER BY run_pk FOR NO KEY UPDATE)`
      const parts = [
        ...(keys.length === 0 ? [] : [locked]),
        ...statements.map((statement, index) => sql`${sql.literal(`w${index}`)} AS (${statement})`),
        ...exact.map(({ statement }, index) => sql`${sql.literal(`x${index}`)} AS (${statement})`),
      ]
      const checks = exact.map(
        (write, index) =>
          sql`1 / ((SELECT count(*) FROM ${sql.literal(`x${index}`)}) = ${write.keys.length})::int`,
      )
      // The columns are made in their order.
      const columns = [...(keys.length === 0 ? [] : [sql`(SELECT count(*) FROM locked)`]), ...checks]
      return PostgresTransaction.holding(
        Effect.asVoid(
          execute(sql`WITH ${sql.csv(parts)} SELECT ${columns.length === 0 ? sql`1` : sql.csv(columns)}`),
        ),
      )
    },
    runnable: (probes) =>
      PostgresTransaction.holding(
        Effect.map(
          Effect.forEach(Array.chunksOf(probes.map(probe), selectsPerStatement), (some) =>
            select(toCandidate, sql`${sql.join(" UNION ALL ", false)(some)}`),
          ),
          (found) => found.flat(),
        ),
      ),
  }
}
