import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Ids, RunLog } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Effect, Fiber, Stream } from "effect"
import * as LogReads from "./LogReads.js"
import * as TempDatabase from "./TempDatabase.js"

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
    LogReads.counted((reads) =>
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
      }).pipe(Effect.scoped, Effect.provide(TempDatabase.layer)),
    ),
  )
})
