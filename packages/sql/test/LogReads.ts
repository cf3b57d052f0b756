import { Statement } from "@effect/sql"
import { Effect, Option } from "effect"

/** Runs `body`, which builds its database itself, and counts the reads of log entries. */
export const counted = <A, E, R>(body: (reads: () => number) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let reads = 0
    const count: Statement.Statement.Transformer = (statement) =>
      Effect.sync(() => {
        if (/^SELECT (e\.)?event_id.* FROM events/s.test(statement.compile()[0])) reads += 1
        return statement
      })
    return Effect.locally(
      body(() => reads),
      Statement.currentTransformer,
      Option.some(count),
    )
  })
