import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Agent, AgentEvent, Child, Executor, Runs, Worker } from "@runlease/core"
import { Effect, Either, Ref } from "effect"
import * as TempDatabase from "./TempDatabase.js"

/** The number of children of one parent. */
const count = 1_000

describe("a parent with 1,000 children", () => {
  it.scopedLive("joins them all in a worker of two slots, and is claimed twice", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const claims = yield* Ref.make(0)
      const running = yield* Ref.make(0)
      const most = yield* Ref.make(0)
      const child = Effect.acquireUseRelease(
        Ref.updateAndGet(running, (n) => n + 1),
        (now) =>
          Effect.zipRight(
            Ref.update(most, (n) => Math.max(n, now)),
            Effect.sleep("1 millis"),
          ),
        () => Ref.update(running, (n) => n - 1),
      )
      yield* Worker.make({ concurrency: 2, drainTimeout: 0 }).pipe(
        Effect.provide(
          Executor.layerWith(
            Executor.from(({ agentId, conversationId, runId }) =>
              agentId === "child"
                ? child
                : Effect.gen(function* () {
                    yield* Ref.update(claims, (n) => n + 1)
                    const children = yield* Child.spawnAll(
                      "spawn",
                      Agent.make({ name: "child" }),
                      Array.from({ length: count }, () => "go"),
                    )
                    const outcomes = yield* Child.joinAll(children)
                    return [
                      AgentEvent.runFinished(conversationId, runId, {
                        result: outcomes.filter(Either.isRight).length,
                      }),
                    ]
                  }),
            ),
          ),
        ),
      )
      const { run } = yield* runs.submit({ agentId: "parent" })
      const ended = yield* Effect.repeat(Effect.delay(runs.get(run.runId), "50 millis"), {
        until: ({ finishedAt }) => finishedAt !== null,
      })
      deepStrictEqual([ended.status, ended.result], ["completed", count])
      deepStrictEqual([yield* Ref.get(claims), yield* Ref.get(most)], [2, 2])
    }).pipe(Effect.provide(TempDatabase.layer)),
  )
})
