import * as SqlClient from "@effect/sql/SqlClient"
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { StoreMetrics } from "@runlease/core"
import { Effect, Metric, MetricState, Schedule } from "effect"
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

it.scopedLive("the connections of a pool are counted by whether a statement uses them", () =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      deepStrictEqual(yield* sql.withTransaction(Effect.zipRight(sql`SELECT 1`, connections)), {
        used: 1,
        idle: 0,
      })
      deepStrictEqual(yield* connections, { used: 0, idle: 1 })
    }).pipe(Effect.provide(PostgresPool.layer({ url })))
    // The sockets close after the pool.
    yield* Effect.repeat(connections, {
      until: ({ idle, used }) => idle === 0 && used === 0,
      schedule: Schedule.spaced("5 millis"),
    })
  }),
)
