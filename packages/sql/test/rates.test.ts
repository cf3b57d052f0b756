import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type ControlPlane, Leases, Limits, Runs } from "@runlease/core"
import { Retention } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Either, Layer, Struct } from "effect"
import { execute, postgres, sqlite, withoutVersions } from "./Databases.js"

/** Runs of two keys that work, have a place, have none, wait for an answer, and wait for the place that a worker has had before. */
const work = Effect.gen(function* () {
  const { define, list } = yield* Limits.Limits
  const leases = yield* Leases.Leases
  const worker = yield* TestRuns.register()
  yield* define(Limits.ofName("gpu"), { maxRunning: 2 })
  for (const key of ["eu", "eu", "eu", "eu", "eu", "eu", "us"])
    yield* TestRuns.submit({ limits: { gpu: key } })
  const [waits, released] = yield* TestRuns.claim(worker, { limit: 2 })
  yield* leases.suspend(TestRuns.leaseOf(waits!), TestRuns.forToolCall())
  yield* leases.release(TestRuns.leaseOf(released!), { delay: "1 hour" })
  yield* TestRuns.claimOne(worker)
  const { items } = yield* list()
  return items.map((limit) =>
    Struct.pick(limit, "key", "maxRunning", "running", "open", "waiting", "pending"),
  )
})

const list = Effect.flatMap(Limits.Limits, (limits) => limits.list())

/** Makes the database one of the version before. */
const former = [
  ...withoutVersions,
  "DROP INDEX conversations_listed",
  "ALTER TABLE conversations DROP COLUMN listed",
  "DROP TABLE webhook_sources",
  "DROP TABLE webhook_endpoints",
  "DROP TABLE webhook_deliveries",
  "DROP TABLE runlease_outbox",
  "DROP TABLE runlease_outbox_refused",
  "ALTER TABLE projects DROP COLUMN signing_key",
  "DROP INDEX limits_of_projects",
  "DROP TABLE limit_agents",
  ...["agent_ids", "key_from"].map((column) => `ALTER TABLE named_limits DROP COLUMN ${column}`),
  ...[4, 5].flatMap((at) => [
    `DROP INDEX queue_place_${at}`,
    `ALTER TABLE queue DROP COLUMN place_${at}`,
    `ALTER TABLE queue DROP COLUMN placed_at_${at}`,
  ]),
  "DROP INDEX queue_limited_again",
  ...["rate", "max_pending", "tat", "fresh", "fresh_open"].map(
    (column) => `ALTER TABLE limits DROP COLUMN ${column}`,
  ),
  ...["rate", "max_pending"].map((column) => `ALTER TABLE named_limits DROP COLUMN ${column}`),
  "DELETE FROM runlease_migrations WHERE migration_id >= 18",
]

for (const [name, database] of [
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
] as const) {
  describe(`rates (${name})`, () => {
    it.scopedLive("a database without them counts the runs that no worker has had", () =>
      Effect.gen(function* () {
        const made = yield* database
        const { client, controlPlane } = made
        const counts = yield* Effect.provide(work, controlPlane)
        assert.deepEqual(
          counts.map(({ key, pending }) => [key, pending]),
          [
            ["us", 1],
            ["eu", 3],
          ],
        )
        const open = Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`SELECT limit_name, fresh_open FROM limits ORDER BY limit_name`,
        )
        const before = yield* Effect.provide(open, client)
        yield* execute(made, ...former)
        const { items } = yield* Effect.provide(list, controlPlane)
        deepStrictEqual(
          items.map((limit) =>
            Struct.pick(limit, "key", "maxRunning", "running", "open", "waiting", "pending"),
          ),
          counts,
        )
        deepStrictEqual(yield* Effect.provide(open, client), before)
        const named = Effect.flatMap(Limits.Limits, (limits) => limits.get("gpu"))
        deepStrictEqual(yield* Effect.provide(named, controlPlane), {
          of: { kind: "named", name: "gpu" },
          bounds: { maxRunning: 2, rate: null, maxPending: null },
          use: null,
        })
        // Without a number of runs there may be a rate.
        const rated = Effect.flatMap(Limits.Limits, (limits) =>
          limits.define(Limits.ofName("gpu"), { rate: { count: 1, periodSeconds: 60 } }),
        )
        deepStrictEqual((yield* Effect.provide(rated, controlPlane)).bounds.maxRunning, null)
      }),
    )

    it.scopedLive("a key that has no runs any more is not pruned before it has its tokens back", () =>
      Effect.gen(function* () {
        const { controlPlane } = yield* database
        yield* Effect.gen(function* () {
          const { define } = yield* Limits.Limits
          const worker = yield* TestRuns.register()
          const submit = TestRuns.submit({ limits: { api: "eu" } })
          yield* define(Limits.ofName("api"), { rate: { count: 1, periodSeconds: 3600 } })
          const { projectId } = yield* submit
          yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
          yield* Retention.pruneAll({ projectId, olderThan: 0 })
          yield* submit
          deepStrictEqual(yield* TestRuns.claim(worker), [])
        }).pipe(Effect.provide(controlPlane))
      }),
    )
  })
}

describe("two servers over PostgreSQL", () => {
  it.scopedLive("together start and take no more runs of a key than its limit lets in", () =>
    Effect.gen(function* () {
      const { controlPlane } = yield* postgres
      const servers = yield* Effect.all([Layer.build(controlPlane), Layer.build(controlPlane)])
      const define = (name: string, bounds: Limits.LimitBoundsInput) =>
        Effect.flatMap(Limits.Limits, (limits) => limits.define(Limits.ofName(name), bounds)).pipe(
          Effect.provide(servers[0]),
        )
      yield* define("api", { rate: { count: 1, periodSeconds: 3600, burst: 5 } })
      yield* define("few", { maxRunning: 1, maxPending: 3 })
      const onBoth = <A, E>(
        effect: (index: number) => Effect.Effect<A, E, ControlPlane.StorePorts>,
        count: number,
      ) =>
        Effect.forEach(
          Array.from({ length: count }, (_, index) => index),
          (index) => Effect.provide(effect(index), servers[index % 2]!),
          { concurrency: "unbounded" },
        )
      const submit = (index: number) =>
        TestRuns.submit({ publicId: `api-${index}`, priority: index % 3, limits: { api: "eu" } })
      yield* onBoth(submit, 40)
      const worker = yield* Effect.provide(TestRuns.register(), servers[0])
      const claimed = (yield* onBoth(() => TestRuns.claim(worker, { limit: 3 }), 20)).flat()
      strictEqual(claimed.length, 5)
      // Those that are handed back need no token, and no other one starts in their place.
      yield* Effect.forEach(claimed, (run) =>
        Effect.flatMap(Leases.Leases, (leases) => leases.release(TestRuns.leaseOf(run), {})).pipe(
          Effect.provide(servers[0]),
        ),
      )
      const again = (yield* onBoth(() => TestRuns.claim(worker, { limit: 3 }), 20)).flat()
      deepStrictEqual(
        again.map(({ runId }) => runId).toSorted(),
        claimed.map(({ runId }) => runId).toSorted(),
      )
      const verdicts = yield* onBoth(
        () =>
          Effect.flatMap(Runs.Runs, (runs) =>
            Effect.either(runs.submit({ agentId: "agent", limits: { few: "eu" } })),
          ),
        40,
      )
      strictEqual(verdicts.filter(Either.isRight).length, 4)
    }),
  )
})
