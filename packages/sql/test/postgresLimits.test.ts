import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Ids, Limits, Runs, WorkerRegistry } from "@runlease/core"
import { LimitsPropertySuite, RatesPropertySuite } from "@runlease/testkit"
import { Context, Effect, Fiber, Layer, type Redacted } from "effect"
import { PostgresPool, SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as Searches from "../../testkit/test/Searches.js"

LimitsPropertySuite.suite(
  "PostgreSQL",
  PostgresDatabase.layerOfFile(),
  Searches.worlds("limits on PostgreSQL", 2, 60),
)
RatesPropertySuite.suite(
  "PostgreSQL",
  PostgresDatabase.layerOfFile(),
  Searches.worlds("rates on PostgreSQL", 2, 60),
)

const agentId = Ids.AgentId.make("agent")

/** Control planes of two servers on one database. */
const serversOf = (url: Redacted.Redacted) => {
  const server = Layer.build(SqlControlPlane.layerPostgres({ url, maxConnections: 6 }))
  return Effect.all([server, server])
}

const twoServers = Effect.flatMap(PostgresDatabase.url, serversOf)

type Plane = Effect.Effect.Success<typeof twoServers>[number]

const register = (plane: Plane, workerKey: string) =>
  Effect.map(
    Context.get(plane, WorkerRegistry.WorkerRegistry).register({ implementationKind: "kind", workerKey }),
    ({ id }) => id,
  )

describe("limits that two servers of one PostgreSQL database share", () => {
  it.scopedLive(
    "at most 3 runs of a project work at any time, and all end, while claims of both come at once",
    () =>
      Effect.gen(function* () {
        const planes = yield* twoServers
        const [first] = planes
        const total = 120
        const working = new Set<string>()
        const progress = { most: 0, ended: 0 }
        yield* Context.get(first, Limits.Limits).define(Limits.ofProject, { maxRunning: 3 })
        const work = (plane: Plane, workerKey: string) =>
          Effect.gen(function* () {
            const workerId = yield* register(plane, workerKey)
            const { claim } = Context.get(plane, Claims.Claims)
            const runs = Context.get(plane, Runs.Runs)
            while (progress.ended < total) {
              const claimed = yield* claim({
                workerId,
                limit: 2,
                leaseDuration: "60 seconds",
                wait: "200 millis",
              })
              for (const { runId } of claimed) working.add(runId)
              progress.most = Math.max(progress.most, working.size)
              yield* Effect.forEach(
                claimed,
                ({ leaseEpoch: epoch, runId }) =>
                  Effect.suspend(() => {
                    // The place is free once the end is on its way.
                    working.delete(runId)
                    progress.ended += 1
                    return runs.complete(runId, { status: "completed" }, { workerId, epoch })
                  }),
                { concurrency: "unbounded" },
              )
            }
          })
        const submitAll = Effect.forEach(
          Array.from({ length: total }, (_, index) => index),
          (index) => Context.get(planes[index % 2]!, Runs.Runs).submit({ agentId, concurrencyKey: null }),
          { concurrency: 20 },
        )
        yield* Effect.all(
          [
            submitAll,
            ...planes.flatMap((plane, at) => ["a", "b", "c"].map((key) => work(plane, `${key}${at}`))),
          ],
          { concurrency: "unbounded" },
        )
        strictEqual(progress.most, 3)
        const { items } = yield* Context.get(first, Limits.Limits).list()
        deepStrictEqual(
          items.map(({ kind, maxRunning, running }) => ({ kind, maxRunning, running })),
          [{ kind: "project", maxRunning: 3, running: 0 }],
        )
      }),
  )

  it.scopedLive("a claim counts the runs of another one that has not committed yet", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const planes = yield* serversOf(url)
      yield* Context.get(planes[0], Limits.Limits).define(Limits.ofProject, { maxRunning: 1 })
      const { submit } = Context.get(planes[0], Runs.Runs)
      yield* Effect.replicateEffect(submit({ agentId, concurrencyKey: null }), 2)
      const workers = yield* Effect.forEach(planes, (plane, at) => register(plane, `worker-${at}`))

      const blocker = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const sql = Context.get(blocker, SqlClient.SqlClient)
      yield* sql`BEGIN`
      yield* sql`LOCK TABLE leases IN SHARE MODE`
      // The first to count writes its lease once it may. The other one waits for it, unless it counts too.
      const claiming = yield* Effect.fork(
        Effect.forEach(
          planes,
          (plane, at) =>
            Context.get(plane, Claims.Claims).claim({
              workerId: workers[at]!,
              limit: 1,
              leaseDuration: "60 seconds",
            }),
          { concurrency: "unbounded" },
        ),
      )
      yield* PostgresDatabase.waitersFor(url, 2)
      yield* sql`COMMIT`
      strictEqual((yield* Fiber.join(claiming)).flat().length, 1)
    }),
  )

  it.scopedLive(
    "runs that work by one server count for the limit that the other one sets, and their ends too",
    () =>
      Effect.gen(function* () {
        const [first, second] = yield* twoServers
        const runs = Context.get(first, Runs.Runs)
        const { claim } = Context.get(first, Claims.Claims)
        const limits = Context.get(second, Limits.Limits)
        const workerId = yield* register(first, "worker")
        const next = claim({ workerId, limit: 1, leaseDuration: "60 seconds" })
        yield* Effect.replicateEffect(runs.submit({ agentId, concurrencyKey: null }), 3)
        const [run] = yield* next
        strictEqual((yield* limits.define(Limits.ofProject, { maxRunning: 1 })).use?.running, 1)
        deepStrictEqual(yield* next, [])
        // The first server remembers the lease as it was before the limit.
        yield* runs.complete(run!.runId, { status: "completed" }, { workerId, epoch: run!.leaseEpoch })
        strictEqual((yield* limits.list()).items[0]?.running, 0)
        assertTrue((yield* next).length === 1)
        deepStrictEqual(yield* next, [])
      }),
  )

  it.scopedLive("the first limit with agents is of the submissions of another server too", () =>
    Effect.gen(function* () {
      const [first, second] = yield* twoServers
      const runs = Context.get(second, Runs.Runs)
      const limits = Context.get(first, Limits.Limits)
      // The second server has read that there is none.
      yield* runs.submit({ agentId })
      yield* limits.define(Limits.ofName("crm", { agentIds: [agentId] }), { maxRunning: 1 })
      const one = Effect.zipRight(
        Effect.zipRight(runs.submit({ agentId, concurrencyKey: null }), PostgresDatabase.breath),
        limits.list(),
      )
      const { items } = yield* Effect.repeat(one, { until: ({ items }) => items.length > 0 })
      deepStrictEqual(
        items.map(({ key, name }) => ({ key, name })),
        [{ key: "all", name: "crm" }],
      )
    }),
  )

  it.scopedLive("two servers that define limits at once put no agent into more than two", () =>
    Effect.gen(function* () {
      const planes = yield* twoServers
      const define = (name: string, at: number) =>
        Effect.either(
          Context.get(planes[at % 2]!, Limits.Limits).define(Limits.ofName(name, { agentIds: [agentId] }), {
            maxRunning: 1,
          }),
        )
      const names = Array.from({ length: 12 }, (_, at) => `limit-${at}`)
      const verdicts = yield* Effect.forEach(names, define, { concurrency: "unbounded" })
      deepStrictEqual(verdicts.map(({ _tag }) => _tag).toSorted(), [
        ...Array.from({ length: 10 }, () => "Left"),
        "Right",
        "Right",
      ])
    }),
  )
})
