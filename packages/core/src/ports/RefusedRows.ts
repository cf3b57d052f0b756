/**
 * The port of refused rows: rows of the outbox that named this project and became no run.
 *
 * Source: docs/decisions/0140-submission-by-a-row.md
 */
import { Context, type DateTime, type Effect } from "effect"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"

/** A row that became no run. `code` is the name of the error that a submission would have failed with. */
export interface RefusedRow {
  readonly id: string
  /** The name of the project, as the row has it: a slug or an id. */
  readonly project: string
  /** Null where it has more than 65,536 characters. */
  readonly submission: unknown
  readonly code: string
  readonly message: string
  readonly createdAt: DateTime.Utc
  readonly refusedAt: DateTime.Utc
}

/** Rows by their ids, 1,000 at most, or the oldest 1,000. */
export type Chosen = ReadonlyArray<string> | "all"

export class RefusedRows extends Context.Tag("@runlease/core/RefusedRows")<
  RefusedRows,
  {
    /** Newest first. */
    readonly list: (
      options?: PageRequest,
    ) => Effect.Effect<Page<RefusedRow>, InvalidCursor | ControlPlaneError>

    /** Inserts rows into the outbox again, and returns how many: each becomes a run, or is refused again. Ids without a row change nothing. */
    readonly retry: (chosen: Chosen) => Effect.Effect<number, ControlPlaneError>

    /** Deletes rows, and returns how many. Their submissions are lost. */
    readonly discard: (chosen: Chosen) => Effect.Effect<number, ControlPlaneError>
  }
>() {}
