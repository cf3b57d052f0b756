import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Executor, Ids, Worker, WorkerEvent } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer, Option, type Scope, Stream } from "effect"
import { serve, threaded } from "./serving.js"

/** Nothing else has the event loop for 1.5 seconds. */
const block = (): void => {
  const until = performance.now() + 1_500
  while (performance.now() < until) {
    /* empty */
  }
}

const isStall = WorkerEvent.$is("Stalled")

/** The runs that a worker names, knowingly or not, when a run blocks the loop beside two that wait. */
const stallOf = (blocking: Effect.Effect<void>, areBlockers: boolean) =>
  Effect.gen(function* () {
    const begun = yield* Effect.makeLatch(false)
    let count = 0
    const waits = Effect.suspend(() => (++count === 2 ? begun.open : Effect.void))
    const worker = yield* Worker.make({ drainTimeout: 0 }).pipe(
      Effect.provide(
        Executor.layerWith(({ agentId }) =>
          agentId === "blocks"
            ? Effect.zipRight(begun.await, blocking)
            : Effect.zipRight(waits, Effect.never),
        ),
      ),
    )
    const submit = (agentId: string) =>
      Effect.map(TestRuns.submit({ agentId: Ids.AgentId.make(agentId) }), ({ runId }) => runId)
    const waiting = [yield* submit("waits"), yield* submit("waits")]
    const blocks = yield* submit("blocks")
    const stalled = yield* worker.events.pipe(
      Stream.filter(isStall),
      // Another stall is one of this machine.
      Stream.filter((stall) => stall.areBlockers === areBlockers),
      Stream.runHead,
      Effect.map(Option.getOrThrow),
    )
    return { stalled: stalled.runs.map(({ runId }) => runId), waiting, blocks }
  })

describe("a stall of the event loop", () => {
  const test = <A, E>(
    title: string,
    body: Effect.Effect<A, E, Layer.Layer.Success<typeof threaded> | Scope.Scope>,
  ) =>
    it.scopedLive(title, () =>
      body.pipe(Effect.provide(threaded), Effect.provide(serve(MemoryControlPlane.layer))),
    )

  test(
    "is reported with the run whose code blocked the loop",
    Effect.gen(function* () {
      const { blocks, stalled } = yield* stallOf(Effect.sync(block), true)
      deepStrictEqual(stalled, [blocks])
    }),
  )

  test(
    "is reported with the run that goes on after it",
    Effect.gen(function* () {
      const { blocks, stalled } = yield* stallOf(Effect.zipRight(Effect.sync(block), Effect.never), true)
      deepStrictEqual(stalled, [blocks])
    }),
  )

  test(
    "is reported with all runs that were executing when the code came after an await",
    Effect.gen(function* () {
      const { blocks, stalled, waiting } = yield* stallOf(
        Effect.promise(async () => {
          await Promise.resolve()
          block()
        }),
        false,
      )
      deepStrictEqual(stalled, [...waiting, blocks])
    }),
  )
})
