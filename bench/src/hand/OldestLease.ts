/** The lease in a SQLite file that is closest to its end. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"

/** An Effect that returns the used part of that lease, from 0 to 1. */
export const usedPart = (filename: string, leaseMillis: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Sqlite(filename, { readonly: true })),
      (database) => Effect.sync(() => database.close()),
    ),
    (database) => {
      const earliest = database
        .prepare("SELECT min(lease_expires_at) FROM leases WHERE lease_owner IS NOT NULL")
        .pluck()
      return Effect.sync(() => 1 - ((earliest.get() as number) - Date.now()) / leaseMillis)
    },
  )
