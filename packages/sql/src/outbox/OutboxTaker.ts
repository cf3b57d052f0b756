/**
 * Makes runs of the rows of the outbox. A commit takes some rows out and inserts their runs, so each row becomes a run once.
 *
 * Source: docs/decisions/0140-submission-by-a-row.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import { ControlPlaneUnavailable } from "@runlease/core"
import { Outbox, type RunCommits, StoreMetrics, Turns } from "@runlease/store"
import { Effect, Either, Function } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"
import type { Database } from "../dialect/Dialect.js"
import * as OutboxRows from "./OutboxRows.js"

/** The most rows in one commit: requests of others go between the commits. */
const mostRows = 250

/** `failure`: the one row of the commit is refused for it. */
interface Take {
  readonly most: number
  readonly failure?: string
}

interface Moved {
  readonly submitted: number
  readonly refused: number
  readonly more: boolean
}

const operation = (database: Database): RunCommits.RunOperation<Take, Moved, Moved, never, SqlError> => ({
  name: "Outbox",
  decide: ([first, ...others], batch) =>
    Effect.gen(function* () {
      const { failure, most } = first
      const { more, rows } = yield* OutboxRows.take(database, most)
      const refused =
        failure === undefined
          ? yield* Outbox.submit(batch, rows)
          : rows.map((row) => ({ row, problem: { code: "NotStored", message: failure } }))
      yield* OutboxRows.refuse(database, refused)
      const moved = { submitted: rows.length - refused.length, refused: refused.length, more }
      return [Either.right(moved), ...others.map(() => Either.right({ submitted: 0, refused: 0, more }))]
    }),
  answer: Function.identity,
})

/** How often a row that is alone in its commit fails before it is refused. */
const attempts = 5

const pause = ControlPlaneUnavailable.backoff("100 millis", "5 seconds")

/** Takes the rows of the outbox whenever it may have some, for ever. */
export const run = (store: SqlStore): Effect.Effect<never> => {
  const take = store.writer.operation(operation(store))

  /**
   * Takes all rows that are there. A commit that fails is tried with fewer rows, since one of them may have caused it; where one row alone
   * fails again and again, and the store takes the refusal of it, the row was the cause.
   */
  const takeAll = Effect.suspend(() => {
    let most = mostRows
    let failures = 0
    let failure: string | undefined
    const takeSome = Effect.suspend(() =>
      take({ most, ...(failure === undefined || failures < attempts ? {} : { failure }) }),
    ).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          failures = most === 1 ? failures + 1 : 0
          most = Math.ceil(most / 2)
          failure = error.message
        }),
      ),
      Effect.tapErrorCause((cause) =>
        Effect.logWarning("Rows of the outbox wait for the next attempt", cause),
      ),
      Effect.retry(pause),
      Effect.orDie,
      Effect.tap((moved) => Effect.sync(() => StoreMetrics.countOutbox(moved))),
      Effect.tap(({ refused }) =>
        refused === 0 ? Effect.void : Effect.logWarning(`The outbox had ${refused} rows that became no run`),
      ),
    )
    const next = Effect.tap(takeSome, () =>
      Effect.sync(() => {
        failures = 0
        failure = undefined
        most = Math.min(mostRows, 2 * most)
      }),
    )
    return Effect.repeat(Effect.zipLeft(next, Turns.letOthersGo(store.writer)), {
      while: ({ more }) => more,
    })
  })

  return store.outbox.await.pipe(
    Effect.zipRight(store.outbox.close),
    Effect.zipRight(takeAll),
    Effect.forever,
  )
}
