import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Ids, Leases, Runs, Statistics, Summaries, WorkerRegistry } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer, Struct } from "effect"
import { execute, postgres, sqlite, withoutVersions } from "./Databases.js"
import { everything } from "./Everything.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const agentId = Ids.AgentId.make("agent")

/** What of the counters the runs themselves tell. */
const summary = Effect.gen(function* () {
  const statistics = yield* Statistics.Statistics
  const agents = yield* statistics.agents({ step: "hour", last: 1500 })
  const summaries = yield* Summaries.Summaries
  return {
    asking: (yield* summaries.attention()).waits.map(({ runId }) => runId),
    counts: yield* statistics.counts(),
    agents: agents.map(Struct.pick("agentId", "submitted", "ended", "failures")),
    pending: (yield* statistics.periods({ step: "minute", last: 1 })).at(-1)!.pending,
  }
})

/** Runs in every status, of two agents. */
const work = Effect.gen(function* () {
  const [claims, leases, registry, runs] = yield* Effect.all([
    Claims.Claims,
    Leases.Leases,
    WorkerRegistry.WorkerRegistry,
    Runs.Runs,
  ])
  const { id: workerId } = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
  const submit = (name: string) => runs.submit({ agentId: name })
  yield* Effect.forEach(["a", "a", "a", "a", "b", "b"], submit)
  const [first, second, third] = yield* claims.claim({ workerId, limit: 4, leaseDuration: "5 minutes" })
  yield* leases.complete(TestRuns.leaseOf(first!), { status: "completed" })
  const error = { code: "broken", message: "It is broken" }
  yield* leases.complete(TestRuns.leaseOf(second!), { status: "failed", error })
  yield* leases.suspend(TestRuns.leaseOf(third!), TestRuns.forToolCall())
  yield* runs.cancel((yield* submit("b")).run.runId)
})

/** Makes the database one of before it counted. */
const uncounted = [
  ...withoutVersions,
  "DROP INDEX conversations_listed",
  "ALTER TABLE conversations DROP COLUMN listed",
  "DROP TABLE webhook_sources",
  "DROP TABLE webhook_endpoints",
  "DROP TABLE webhook_deliveries",
  "DROP TABLE runlease_outbox",
  "DROP TABLE runlease_outbox_refused",
  "ALTER TABLE projects DROP COLUMN signing_key",
  "DROP INDEX queue_debounced",
  ...["queue", "runs"].map((table) => `ALTER TABLE ${table} DROP COLUMN debounce_key`),
  "DROP TABLE flows",
  ...["queue_runnable", "queue_runnable_by_agent"].map((index) => `DROP INDEX ${index}`),
  "DROP TABLE limits",
  "DROP TABLE named_limits",
  "DROP TABLE limit_agents",
  "DROP INDEX queue_limited",
  "DROP INDEX queue_limited_again",
  ...[1, 2, 3, 4, 5].flatMap((at) => [
    `DROP INDEX queue_place_${at}`,
    `ALTER TABLE queue DROP COLUMN place_${at}`,
    `ALTER TABLE queue DROP COLUMN ${at === 1 ? "placed_at" : `placed_at_${at}`}`,
  ]),
  "ALTER TABLE queue DROP COLUMN limit_name",
  ...["queue", "leases", "waits"].map((table) => `ALTER TABLE ${table} DROP COLUMN limits`),
  ...["limit_name", "concurrency_limit", "named_limits"].map(
    (column) => `ALTER TABLE runs DROP COLUMN ${column}`,
  ),
  "ALTER TABLE queue DROP COLUMN rank",
  "ALTER TABLE runs DROP COLUMN fairness",
  `CREATE INDEX queue_runnable ON queue (project_id, implementation_kind, worker_key, priority DESC, run_pk) WHERE gate = 0`,
  `CREATE INDEX queue_runnable_by_agent
    ON queue (project_id, agent_id, implementation_kind, worker_key, priority DESC, run_pk) WHERE gate = 0`,
  "DROP TABLE counter_deltas",
  "DROP TABLE counter_sums",
  "DROP INDEX outcomes_by_status",
  "DROP TABLE records",
  "DROP INDEX runs_by_parent",
  "DROP INDEX outcomes_with_children",
  "DROP INDEX claims_lost",
  "DROP INDEX waits_asking",
  "DROP INDEX credentials_by_expiry",
  "DROP TABLE run_labels",
  "ALTER TABLE runs DROP COLUMN labels",
  "ALTER TABLE runs DROP COLUMN batch_id",
  "DROP TABLE bulk_operations",
  "DROP TABLE schedules",
  "DROP INDEX queue_start_by",
  "ALTER TABLE queue DROP COLUMN start_by",
  "DROP INDEX leases_timeout_at",
  "ALTER TABLE leases DROP COLUMN timeout_at",
  "ALTER TABLE runs DROP COLUMN time_limits",
  ...["queue", "leases", "waits"].map((table) => `ALTER TABLE ${table} DROP COLUMN worked_millis`),
  "ALTER TABLE credentials DROP COLUMN expires_at",
  "ALTER TABLE workers DROP COLUMN drain",
  "ALTER TABLE claims DROP COLUMN expires_at",
  "ALTER TABLE claims DROP COLUMN project_id",
  "ALTER TABLE waits DROP COLUMN answers_due",
  "ALTER TABLE runs DROP COLUMN title",
  "ALTER TABLE runs DROP COLUMN child",
  "ALTER TABLE outcomes DROP COLUMN open_children",
  ...["queue", "leases", "waits", "outcomes"].flatMap((table) => [
    `ALTER TABLE ${table} DROP COLUMN children`,
    `ALTER TABLE ${table} DROP COLUMN budget`,
  ]),
  "DELETE FROM runlease_migrations WHERE migration_id >= 2",
]

for (const [name, database] of [
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
] as const) {
  describe(`counters (${name})`, () => {
    it.scopedLive("a database that did not count before counts its runs once", () =>
      Effect.gen(function* () {
        const made = yield* database
        const before = yield* Effect.provide(Effect.zipRight(work, summary), made.controlPlane)
        assert.isAbove(before.counts.length, 1)
        strictEqual(before.asking.length, 1)
        yield* execute(made, ...uncounted)
        deepStrictEqual(yield* Effect.provide(summary, made.controlPlane), before)
        // Another start counts nothing again, and what happens from now on is counted.
        deepStrictEqual(yield* Effect.provide(summary, made.controlPlane), before)
        const after = yield* Effect.provide(
          Effect.zipRight(
            Effect.flatMap(Runs.Runs, (runs) => runs.submit({ agentId })),
            summary,
          ),
          made.controlPlane,
        )
        strictEqual(after.pending, before.pending + 1)
      }),
    )

    it.scopedLive("what commits have counted is added up by itself, and means the same", () =>
      Effect.gen(function* () {
        const made = yield* database
        const before = yield* Effect.provide(Effect.zipRight(work, summary), made.controlPlane)
        // A control plane begins with it.
        yield* Effect.gen(function* () {
          let left: ReadonlyArray<unknown> = ["unread"]
          while (left.length > 0) {
            yield* PostgresDatabase.breath
            left = (yield* execute(made, "SELECT 1 AS one FROM counter_deltas"))[0]!
          }
          deepStrictEqual(yield* summary, before)
        }).pipe(Effect.provide(made.controlPlane))
      }),
    )
  })
}

describe("counters", () => {
  it.effect("of every operation are those of the runs", () =>
    Effect.gen(function* () {
      yield* everything
      const statistics = yield* Statistics.Statistics
      const runs = yield* Runs.Runs
      const { items } = yield* runs.list({ limit: 100 })
      const counted = (yield* statistics.counts()).map(({ runs: counts }) => Object.values(counts))
      strictEqual(
        counted.flat().reduce((total, count) => total + count, 0),
        items.length,
      )
    }).pipe(Effect.provide(TempDatabase.layer)),
  )

  it.scopedLive("are exact when two servers commit while sums are added up", () =>
    Effect.gen(function* () {
      const { controlPlane } = yield* postgres
      const [a, b] = yield* Effect.all([Layer.build(controlPlane), Layer.build(controlPlane)])
      const submitAll = Effect.flatMap(Runs.Runs, (runs) =>
        Effect.forEach(
          Array.from({ length: 200 }, (_, index) => index),
          (index) =>
            Effect.flatMap(runs.submit({ agentId }), ({ run }) =>
              index % 2 === 0 ? runs.cancel(run.runId) : Effect.void,
            ),
          { concurrency: 20 },
        ),
      )
      // Each start adds up what is there.
      const starts = Effect.repeatN(Effect.scoped(Layer.build(controlPlane)), 3)
      yield* Effect.all([Effect.provide(submitAll, a), Effect.provide(submitAll, b), starts], {
        concurrency: "unbounded",
      })
      const { counts } = yield* Effect.provide(summary, a)
      deepStrictEqual(
        counts.map(({ runs }) => [runs.pending, runs.cancelled]),
        [[200, 200]],
      )
    }),
  )
})
