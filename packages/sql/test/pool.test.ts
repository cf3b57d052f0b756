import * as SqlClient from "@effect/sql/SqlClient"
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { StoreMetrics } from "@runlease/store"
import {
  Array,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Metric,
  MetricState,
  Schedule,
  Scope,
  TestClock,
} from "effect"
import { PostgresPool } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TcpProxy from "./TcpProxy.js"

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

it.scopedLive("statements are sent beside each other, and the driver warns of none", () =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    const warnings: Array<string> = []
    const listener = ({ message }: Error) => void warnings.push(message)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("warning", listener)),
      () => Effect.sync(() => process.off("warning", listener)),
    )
    yield* Effect.gen(function* () {
      const { reserve } = yield* SqlClient.SqlClient
      const connection = yield* reserve
      const statement = connection.executeUnprepared("SELECT 1", [], undefined)
      yield* Effect.all(
        Array.makeBy(5, () => statement),
        { concurrency: "unbounded" },
      )
    }).pipe(Effect.scoped, Effect.provide(PostgresPool.layerWith({ url })))
    // A warning comes after the statement.
    yield* PostgresDatabase.breath
    deepStrictEqual(warnings, [])
  }),
)

/** The lines of a log, and the layer that makes it. */
const recorded = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return { lines, layer: Logger.replace(Logger.defaultLogger, logger) }
}

it.scoped("a long wait for a connection is logged once a minute, with what to set", () =>
  Effect.gen(function* () {
    const { layer, lines } = recorded()
    const url = yield* PostgresDatabase.url
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const statement = sql`SELECT 1`
      const logged: Array<number> = []
      const waits = Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Scope.extend(sql.reserve, scope)
        const before = lines.length
        const waiting = yield* Effect.forEach([1, 2], () => Effect.fork(statement))
        yield* Effect.yieldNow()
        yield* TestClock.adjust("3 seconds")
        // They wait still.
        logged.push(lines.length - before)
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.joinAll(waiting)
      })
      yield* waits
      yield* waits
      deepStrictEqual(logged, [1, 0])
      strictEqual(lines.length, 1)
      assertTrue(lines[0]!.includes("waited 2.0 s") || lines[0]!.includes("waited 3.0 s"), lines[0])
      assertTrue(
        lines[0]!.includes("all 1 of this server were in use. Raise RUNLEASE_POSTGRES_MAX_CONNECTIONS"),
      )
      yield* TestClock.adjust("1 minute")
      yield* waits
      strictEqual(lines.length, 2)
    }).pipe(Effect.provide(PostgresPool.layerWith({ url, maxConnections: 1 })), Effect.provide(layer))
  }),
)

it.scoped("a connection that is opened for long is logged, with what to set for a pooler", () =>
  Effect.gen(function* () {
    const { layer, lines } = recorded()
    const open: Array<() => void> = []
    const url = yield* TcpProxy.make(yield* PostgresDatabase.url, (client, connect) => {
      open.push(() => {
        const upstream = connect()
        client.pipe(upstream).pipe(client)
      })
    })
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const waiting = yield* Effect.fork(sql`SELECT 1`)
      yield* TestClock.adjust("3 seconds")
      while (open.length === 0) yield* PostgresDatabase.breath
      open[0]!()
      yield* Fiber.join(waiting)
      assertTrue(
        lines.some((line) =>
          line.includes("raise its connections (PgBouncer: default_pool_size): each server takes up to 11"),
        ),
      )
    }).pipe(Effect.provide(PostgresPool.layerWith({ url })), Effect.provide(layer))
  }),
)
