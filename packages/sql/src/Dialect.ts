/**
 * Where databases differ. A statement is written once; what it cannot say alike everywhere, it asks of this.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Effect } from "effect"

/** The columns of rows that are handed to a statement, and their types. */
export type Columns = Readonly<Record<string, "integer" | "text">>

/** A row with those columns; further keys are allowed and left out. */
export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends "integer" ? number | null : string | null
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Dialect {
  /** The store's clock, in milliseconds since the epoch. */
  readonly now: Effect.Effect<number>

  /** Runs an effect as one write transaction, or inside the one that is open. */
  readonly transact: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>

  /** What a commit waits for before it takes its requests, so that all who are about to ask share it. */
  readonly gather: Effect.Effect<void>

  /** Any number of rows as one parameter: a table to select from or join, so that the statement's text stays the same. */
  readonly rows: <C extends Columns>(columns: C, rows: ReadonlyArray<RowOf<C>>) => Fragment

  /** Ends a SELECT from `runs r` whose rows are to be written: waits for whoever writes them. */
  readonly lock: Fragment

  /** Like `lock`, but leaves out rows that somebody else is writing. */
  readonly lockFree: Fragment
}
