/** How late the leases in a SQLite file were renewed, and how many runs lost one. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"

export interface LeaseGaps {
  /** The longest time between two renewals of a lease, in milliseconds. */
  readonly longest: number
  /** The leases of which that time is longer than `late`. */
  readonly late: number
  /** The runs that were claimed more than once. */
  readonly repeated: number
}

export const read = (filename: string, late: number): Effect.Effect<LeaseGaps> =>
  Effect.scoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Sqlite(filename, { readonly: true })),
        (database) => Effect.sync(() => database.close()),
      ),
      (database) =>
        database
          .prepare(
            `SELECT max(longest_gap) AS longest, sum(longest_gap > ?) AS late, sum(lease_epoch > 1) AS repeated
             FROM leases WHERE lease_owner IS NOT NULL`,
          )
          .get(late) as LeaseGaps,
    ),
  )
