/** The differences between databases. Each statement is written once, and takes the parts that differ from here. */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import type { RunRows } from "@runlease/store"
import type { Effect } from "effect"
import type { Columns, RowOf, ToRow } from "../rows/Columns.js"
import { queuedRuns } from "../rows/RunRow.js"
import type { RunNames } from "./RunNames.js"

/** A runnable run, and the index of the probe that found it. */
export interface Candidate {
  readonly run: RunRows.StoredRun
  readonly probe: number
}

/** Of a SELECT of the columns of `queuedRuns`, and then the index. */
export const toCandidate: ToRow<Candidate> = (values) => ({
  run: queuedRuns.toValue(values),
  probe: Number(values[queuedRuns.names.length]),
})

/** A write of leases that returns its rows, which must be these, by their keys. */
export interface ExactWrite {
  readonly statement: Statement<object>
  readonly keys: ReadonlyArray<number>
}

/** Rows whose column has a value, with keys from `least` on and below `before`, and the index of the column and the key. `direction`: of the keys. */
export interface KeyRange {
  readonly direction: "ASC" | "DESC"
  readonly index: string
  readonly column: string
  readonly value: string
  readonly least: number
  readonly before: number
}

/** Statements that lock runs, before a statement that reads them. */
export interface RunLocking {
  readonly statements: ReadonlyArray<Effect.Effect<void, SqlError>>

  /** Fails, so that the transaction runs again, where the statements have not locked all of these runs, as they were read then. */
  readonly check: (found: ReadonlyArray<RunRows.StoredRun>) => Effect.Effect<void, SqlError>
}

export interface Dialect {
  /** The store's time, in milliseconds since the epoch; one instant within one transaction. */
  readonly now: Effect.Effect<number, SqlError>

  /**
   * The civil time, which schedules follow: the database's where it is the store's time, and otherwise that of the wall clock, which an
   * operator may set.
   */
  readonly civilNow: Effect.Effect<number, SqlError>

  /** The instant of `now` as a part of a statement, which does not wait for its value. */
  readonly instant: Effect.Effect<Fragment | number>

  /**
   * Runs an effect as one write transaction, or inside the open one. When a concurrent transaction wins, it runs again.
   */
  readonly transact: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>

  /**
   * Runs effects in their order, in one exchange with the database where it can. With `commit` they are the last ones of the transaction, which
   * commits in the same exchange; if one of them has failed, nothing is committed.
   */
  readonly together: (
    effects: ReadonlyArray<Effect.Effect<void, SqlError>>,
    end?: "commit",
  ) => Effect.Effect<void, SqlError>

  /** Begins the transaction of the migrations: one process at a time, however long they take. */
  readonly beginMigration: Effect.Effect<void, SqlError>

  /** Fails where a commit is not confirmed, or not in a few seconds. It changes no table, and waits for no lock. */
  readonly confirm: Effect.Effect<void, SqlError>

  /** Whether one request may have caused the failure of a transaction, so that the others succeed without it. */
  readonly blames: (error: SqlError) => boolean

  /** Runs before a commit takes its requests, so that callers that are about to send one share it. */
  readonly gather: Effect.Effect<void>

  /** Any number of rows as one parameter: a table to select from or join. The text of the statement stays the same. */
  readonly rows: <C extends Columns>(columns: C, rows: ReadonlyArray<RowOf<C>>) => Fragment

  /** Whether a column of integers is one of these. */
  readonly isOneOf: (column: string, values: Iterable<number>) => Fragment

  /**
   * How the database finds rows `b` by an index of one column and the key: those whose column has a value, in the order of `direction`. `hint` follows
   * the name of the table.
   */
  readonly keyRange: (range: KeyRange) => {
    readonly hint: string
    readonly condition: Fragment
    readonly order: string
  }

  /**
   * Runs writes that do not depend on each other, in one exchange where the database can. The transaction runs again when
   * one of `exact` writes another number of rows. Without locks there is no `exact`: statements of the driver write the states.
   */
  readonly write: (
    statements: ReadonlyArray<Statement<object>>,
    exact?: ReadonlyArray<ExactWrite>,
  ) => Effect.Effect<void, SqlError>

  /** Whether rows have locks; without them, there is one writer at a time. */
  readonly locks: boolean

  /** Locks runs for writing, so that transactions which wait for each other's runs do not come about. Empty without locks. */
  readonly lockRuns: (names: RunNames) => RunLocking

  /** An effect that locks something else that another transaction may wait for. */
  readonly holding: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

  /** Ends a SELECT that locks its rows of `alias` for writing, in the order of `key`: waits for other transactions. */
  readonly lock: (alias: string, key: string) => Fragment

  /** Like `lock`, for rows whose names stay: it does not wait for those that `keep` has. */
  readonly lockShared: (alias: string, key: string) => Fragment

  /** Like `lock`, but skips rows that another transaction is writing. */
  readonly lockFree: (alias: string) => Fragment

  /** Ends a SELECT whose rows of `alias` cannot be deleted before the transaction ends. */
  readonly keep: (alias: string) => Fragment

  /** Locks names until the transaction ends: another transaction waits here for those it shares. */
  readonly lockNames: (names: ReadonlyArray<string>) => Effect.Effect<void, SqlError>

  /** Like `lockNames`, but those that share a name so do not wait for each other. */
  readonly shareNames: (names: ReadonlyArray<string>) => Effect.Effect<void, SqlError>

  /** The runs that each probe finds, best first, without those that another transaction is writing; they are locked. */
  readonly runnable: (
    probes: ReadonlyArray<RunRows.Probe>,
  ) => Effect.Effect<ReadonlyArray<Candidate>, SqlError>
}

/** A database, and how it differs from others. */
export interface Database {
  readonly sql: SqlClient.SqlClient
  readonly dialect: Dialect
}
