import * as SqlClient from "@effect/sql/SqlClient"
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { StoreMetrics } from "@runlease/core/store"
import { Array, Effect, Fiber, Layer, Metric, MetricState, Schedule } from "effect"
import { PostgresPool } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

/** How many connections are in each state. */
const connections = Effect.map(Metric.snapshot, (pairs) =>
  Object.fromEntries(
    pairs.flatMap(({ metricKey, metricState }) => {
      const state = metricKey.tags.find(({ key }) => key === "state")?.value
      return metricKey.name === StoreMetrics.poolConnections.name &&
        state !== undefined &&
        MetricState.isGaugeState(metricState)
        ? [[state, Number(metricState.value)]]
        : []
    }),
  ),
)

/** The sockets of a pool close after it, so its connections are counted a while longer. */
const noneLeft = Effect.repeat(connections, {
  until: ({ idle = 0, used = 0 }) => idle === 0 && used === 0,
  schedule: Schedule.spaced("5 millis"),
})

it.scopedLive("the connections of a pool are counted by whether a statement uses them", () =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    yield* noneLeft
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      deepStrictEqual(yield* sql.withTransaction(Effect.zipRight(sql`SELECT 1`, connections)), {
        used: 1,
        idle: 0,
      })
      deepStrictEqual(yield* connections, { used: 0, idle: 1 })
    }).pipe(Effect.provide(PostgresPool.layerWith({ url })))
    yield* noneLeft
  }),
)

it.scopedLive("a connection that both sides end is counted once as gone", () =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    yield* noneLeft
    const killer = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
    const kill = Effect.flatMap(
      SqlClient.SqlClient,
      (sql) =>
        sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    ).pipe(Effect.provide(killer))
    yield* kill
    const pool = Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Effect.all(
        Array.makeBy(10, () => sql`SELECT pg_sleep(0.01)`),
        { concurrency: "unbounded" },
      )
      return yield* Effect.forkDaemon(kill)
    }).pipe(Effect.provide(PostgresPool.layerWith({ url })))
    yield* Effect.repeatN(Effect.flatMap(pool, Fiber.join), 20)
    yield* Effect.repeat(connections, {
      until: ({ idle, used }) => idle === 1 && used === 0,
      schedule: Schedule.spaced("5 millis"),
    })
  }),
)
