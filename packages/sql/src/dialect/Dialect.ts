/**
 * Where databases differ. A statement is written once; what it cannot say alike everywhere, it asks of this.
 *
 * @since 0.1.0
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import type { Effect } from "effect"
import type { Columns, RowOf } from "../rows/Columns.js"
import type { RunRow } from "../rows/RunRow.js"

/** One place in the index of runnable runs, and how many runs are wanted from it. */
export interface Probe {
  readonly projectId: string
  readonly kind: string | null
  readonly key: string | null
  /** Null for any. */
  readonly agentId: string | null
  readonly wanted: number
}

/** A runnable run, and the index of the probe that found it. */
export interface Candidate extends RunRow {
  readonly probe: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Dialect {
  /** The store's clock, in milliseconds since the epoch; one instant within one transaction. */
  readonly now: Effect.Effect<number, SqlError>

  /** The same instant for a statement, which need not wait until it is known here. */
  readonly instant: Effect.Effect<Fragment | number>

  /**
   * Runs an effect as one write transaction, or inside the one that is open. Where a concurrent transaction won, it
   * is run again.
   */
  readonly transact: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>

  /** Runs effects of which each asks the database once, in their order, and in one exchange where it can. */
  readonly together: (effects: ReadonlyArray<Effect.Effect<void, SqlError>>) => Effect.Effect<void, SqlError>

  /**
   * For the last of `together`: commits what the others wrote, with them where it can. After it nothing may be asked in the
   * transaction. Where one of the others has failed, nothing is committed.
   */
  readonly commit: Effect.Effect<void, SqlError>

  /** Begins the transaction of the migrations: one process at a time, however long they take. */
  readonly beginMigration: Effect.Effect<void, SqlError>

  /** Whether a failed transaction may be one request's fault, so that the others of its commit succeed without it. */
  readonly blames: (error: SqlError) => boolean

  /** What a commit waits for before it takes its requests, so that all who are about to ask share it. */
  readonly gather: Effect.Effect<void>

  /** Any number of rows as one parameter: a table to select from or join, so that the statement's text stays the same. */
  readonly rows: <C extends Columns>(columns: C, rows: ReadonlyArray<RowOf<C>>) => Fragment

  /** Runs statements that write, none of which reads or writes what another has written, in one exchange where it can. */
  readonly write: (statements: ReadonlyArray<Statement<object>>) => Effect.Effect<void, SqlError>

  /** Ends a SELECT whose rows of `alias` are to be written, in the order of `key`: waits for whoever writes them. */
  readonly lock: (alias: string, key: string) => Fragment

  /** Like `lock`, but leaves out rows that somebody else is writing. */
  readonly lockFree: (alias: string) => Fragment

  /** Ends a SELECT whose rows of `alias` nobody may delete before the transaction ends. */
  readonly keep: (alias: string) => Fragment

  /** Until the transaction ends, nobody else gets past this with one of these names. */
  readonly lockNames: (names: ReadonlyArray<string>) => Effect.Effect<void, SqlError>

  /**
   * What each probe finds, best first, without runs that somebody else is writing; and the runs that `more` selects as
   * candidates, all in one exchange where it can.
   */
  readonly runnable: (
    probes: ReadonlyArray<Probe>,
    more: Fragment,
  ) => Effect.Effect<ReadonlyArray<Candidate>, SqlError>
}

/**
 * A database, and how it differs from others.
 *
 * @since 0.1.0
 * @category models
 */
export interface Database {
  readonly sql: SqlClient.SqlClient
  readonly dialect: Dialect
}
