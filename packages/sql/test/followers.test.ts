import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Ids, RunLog } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Statement } from "@effect/sql"
import { Array, Effect, Fiber, Option, Stream } from "effect"
import * as TempDatabase from "./TempDatabase.js"

/** Runs `body` over a new database and counts the reads of log entries. */
const counted = <A, E, R>(body: (reads: () => number) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let reads = 0
    const count: Statement.Statement.Transformer = (statement) =>
      Effect.sync(() => {
        if (/^SELECT (e\.)?event_id.* FROM events/s.test(statement.compile()[0])) reads += 1
        return statement
      })
    return body(() => reads).pipe(
      Effect.scoped,
      Effect.provide(TempDatabase.layer),
      Effect.locally(Statement.currentTransformer, Option.some(count)),
    )
  })

const followed = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const log = yield* RunLog.RunLog
    const seen: Array<number> = []
    const fiber = yield* log.follow({ runId }).pipe(
      Stream.runForEach(({ eventId }) => Effect.sync(() => seen.push(eventId))),
      Effect.forkScoped,
    )
    return { fiber, seen }
  })

describe("a thousand followers of one log", () => {
  it.effect("read it from the database once, and never read what this server commits", () =>
    counted((reads) =>
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(claimed, [AgentEvent.custom("test", 0)])
        const followers = yield* Effect.all(Array.makeBy(1000, () => followed(claimed.runId)))
        yield* TestRuns.settle
        deepStrictEqual(
          followers.map(({ seen }) => seen.length),
          Array.replicate(2, 1000),
        )
        strictEqual(reads(), 1)
        for (let n = 1; n <= 20; n++) yield* TestRuns.append(claimed, [AgentEvent.custom("test", n)])
        yield* TestRuns.complete(claimed)
        for (const { fiber, seen } of followers) {
          yield* Fiber.join(fiber)
          deepStrictEqual(seen, Array.range(1, 23))
        }
        strictEqual(reads(), 1)
      }),
    ),
  )
})
