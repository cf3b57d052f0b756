/**
 * Whether PostgreSQL confirms a commit.
 *
 * Source: docs/decisions/0126-poolers-and-standbys.md
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Ids } from "@runlease/core"
import { Duration, Effect, Fiber } from "effect"
import { emission } from "./PostgresTransaction.js"

/** How long a commit may take that has nothing to write. */
const patience = Duration.seconds(3)

/**
 * Commits an entry of the log of the database, which is in no table and needs no lock. A commit that takes more than three seconds is
 * cancelled, as it would stay in its process: it fails as one that no standby confirms, or whenever its connection fails.
 *
 * @category checks
 */
export const write = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    const text = emission(yield* Ids.uuidV7)
    const writing = yield* Effect.fork(sql.unsafe(text))
    yield* Effect.raceFirst(Fiber.await(writing), Effect.sleep(patience))
    // The process is found by its statement: behind a pooler the connection does not know it.
    if (writing.unsafePoll() === null) {
      yield* sql`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = ${text}`
    }
    yield* Fiber.join(writing)
  })
