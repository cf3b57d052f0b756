import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, RequestSnapshot, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Layer, Ref } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

/** The control planes of three servers on one database. */
const servers = Effect.flatMap(PostgresDatabase.url, (url) =>
  Effect.all([0, 1, 2].map(() => Layer.build(SqlControlPlane.layerPostgres({ url, maxConnections: 4 })))),
)

describe("debounced submissions to several PostgreSQL servers at once", () => {
  it.scopedLive("go to one run, and to the next one as soon as a worker has claimed it", () =>
    Effect.gen(function* () {
      const planes = yield* servers
      const [plane] = planes
      const { id: workerId } = yield* Context.get(plane!, WorkerRegistry.WorkerRegistry).register({
        implementationKind: "test",
        workerKey: "worker-1",
      })
      const claim = Context.get(plane!, Claims.Claims).claim({
        workerId,
        limit: 5,
        leaseDuration: "30 seconds",
        wait: "10 seconds",
      })
      const done = yield* Ref.make(false)
      const answers: Array<Runs.Submitted> = []
      const submitting = Effect.forEach(
        planes,
        (each) =>
          Effect.repeat(
            Effect.gen(function* () {
              const answer = yield* Context.get(each, Runs.Runs).submit({
                agentId: "agent",
                snapshot: RequestSnapshot.fromText("hello"),
                debounce: { key: "key", seconds: 1, maxSeconds: 1 },
              })
              answers.push(answer)
            }),
            { until: () => Ref.get(done) },
          ),
        { concurrency: "unbounded", discard: true },
      )
      const claiming = Effect.zipLeft(Effect.replicateEffect(claim, 2), Ref.set(done, true))
      const [claimed] = yield* Effect.all([claiming, submitting], { concurrency: "unbounded" })
      const made = answers.filter(({ debounced }) => !debounced).map(({ run }) => run.runId)
      const { items } = yield* Context.get(plane!, Runs.Runs).list()
      deepStrictEqual(items.map(({ runId }) => runId).toReversed(), made)
      strictEqual(new Set(answers.map(({ run }) => run.runId)).size, made.length)
      // The key has one run at a time that no worker has claimed.
      deepStrictEqual(
        claimed.map((runs) => runs.map(({ runId }) => runId)),
        [made.slice(0, 1), made.slice(1, 2)],
      )
      strictEqual(items.filter(({ status }) => status === "pending").length <= 1, true)
    }),
  )
})
