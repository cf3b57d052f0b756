/**
 * A database of the user in which a step is recorded by the transaction of its writes. See `Step.transaction`.
 *
 * `@runlease/sql/TransactionalSteps` has the one of a `SqlClient`, `@runlease/sql/StepDatabases` those of other drivers.
 *
 * Source: docs/decisions/0139-steps-in-a-transaction.md
 */
import { Context, type Effect } from "effect"
import type { RunId } from "../model/Ids.js"
import type { StepError } from "./StepError.js"

/** The key of a row: the run and the id of the step. `name` is for messages. */
export interface StepKey {
  readonly runId: RunId
  readonly stepId: string
  readonly name: string
}

/** A database whose transactions are of type `Tx`. */
export interface Database<Tx> {
  /**
   * Runs `body` in a transaction, and commits its writes together with its text, as the row of the step. Where the step has a row it
   * returns that text, and does not run `body`. Of two at the same time the second waits for the end of the first one's transaction.
   *
   * `body` may run several times, and each time but the last is rolled back. It is rolled back too where it fails, and then the step has no
   * row. After an interruption either both are committed or neither is.
   *
   * Fails: as `body` does. With a `StepError` of reason `unavailable` where the database cannot be reached, also where a commit has no
   * answer: another call finds out. With reason `nested` inside a transaction.
   */
  readonly once: <E, R>(
    key: StepKey,
    body: (transaction: Tx) => Effect.Effect<string, E, R>,
  ) => Effect.Effect<string, E | StepError, R>
}

/** The database of the steps of an Effect. Its transaction is that of the fiber. */
export class StepDatabase extends Context.Tag("@runlease/core/StepDatabase")<
  StepDatabase,
  Database<void>
>() {}
