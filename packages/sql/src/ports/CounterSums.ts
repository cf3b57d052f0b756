/** Adding up, now and then, what commits have counted. */
import type { SqlError } from "@effect/sql/SqlError"
import { Duration, Effect } from "effect"
import * as CounterQueries from "../batch/CounterQueries.js"
import type { SqlStore } from "../batch/SqlStore.js"

/** A read adds up what commits have counted since, so this bounds what a read costs. */
const interval = Duration.seconds(5)

/** A separate transaction: commits do not wait for it where the database has several writers. */
const once = (store: SqlStore): Effect.Effect<boolean, SqlError> =>
  store.runs.transact(Effect.zipRight(CounterQueries.lockSums(store), CounterQueries.addUp(store)))

/** Adds up what was counted, for as long as it runs. A round that fails is tried again at the next one. */
export const run = (store: SqlStore): Effect.Effect<never> => {
  const isThere = Effect.map(store.sql`SELECT 1 FROM counter_deltas LIMIT 1`, (rows) => rows.length > 0)
  const round = Effect.flatMap(isThere, (some) =>
    some ? Effect.repeat(once(store), { while: (more) => more }) : Effect.void,
  )
  return round.pipe(
    Effect.catchAll((error) =>
      Effect.logWarning("The counters could not be added up and will be later", error.message),
    ),
    Effect.zipRight(Effect.sleep(interval)),
    Effect.forever,
  )
}
