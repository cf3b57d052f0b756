import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type ControlPlane, Leases, Runs, TokenUsage } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const sqlite = Effect.map(TempDatabase.filename, (filename) => SqlControlPlane.layerSqlite({ filename }))

const postgres = Effect.map(PostgresDatabase.url, (url) => SqlControlPlane.layerPostgres({ url }))

describe("a budget in a database of two control planes", () => {
  for (const [name, database] of [
    ["SQLite", sqlite],
    ["PostgreSQL", postgres],
  ] as const) {
    it.scopedLive(
      `keeps what one has charged when the other ends the root, which it remembers (${name})`,
      () =>
        Effect.gen(function* () {
          const plane = yield* database
          const [first, second] = yield* Effect.all([
            Layer.build(Layer.fresh(plane)),
            Layer.build(Layer.fresh(plane)),
          ])
          const on = <A, E>(context: typeof first, effect: Effect.Effect<A, E, ControlPlane.ProjectPorts>) =>
            Effect.provide(effect, context)
          const { child, root } = yield* on(
            first,
            Effect.gen(function* () {
              const worker = yield* TestRuns.register()
              const root = yield* TestRuns.hold(worker, { budget: { tokens: 1_000 } })
              const leases = yield* Leases.Leases
              yield* leases.spawn(TestRuns.leaseOf(root), {
                stepId: "child",
                name: "child",
                submission: { agentId: "agent", publicId: `${root.runId}-child` },
              })
              return { root, child: yield* TestRuns.claimOne(worker) }
            }),
          )
          const usage = TokenUsage.toEvent({ inputTokens: 9, outputTokens: 1 }, {})
          yield* on(second, TestRuns.append(child, [usage]))
          yield* on(first, TestRuns.complete(root))
          const { budget } = yield* on(
            second,
            Effect.flatMap(Runs.Runs, (runs) => runs.get(root.runId)),
          )
          deepStrictEqual([budget?.spent.tokens, budget?.spent.runs], [10, 2])
        }),
    )
  }
})
