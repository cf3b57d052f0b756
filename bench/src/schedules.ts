/**
 * What schedules cost, and how late their runs start.
 *
 * First a server with 100,000 schedules that are not due, beside one with none: its CPU, and the rows of schedules that its database reads.
 * Then 1,000 schedules of each minute, beside pg-boss and graphile-worker. `--idle=N` and `--ticking=N` are these numbers, `--seconds=N` is how
 * long the idle server is watched, 60 when absent, and `--minutes=N` how many minutes tick, 2 when absent.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Schedules } from "@runlease/core"
import { Clock, Console, Context, Effect } from "effect"
import * as Child from "./Child.js"
import type { Calls, Options } from "./contenders/Ticks.js"
import { numberOf } from "./Flags.js"
import * as Machine from "./Machine.js"
import * as Postgres from "./Postgres.js"
import * as Statistics from "./Statistics.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

const idle = numberOf("idle", 100_000)
const ticking = numberOf("ticking", 1_000)
const seconds = numberOf("seconds", 60)
const minutes = numberOf("minutes", 2)

/** Makes one schedule that is due in January, and copies its row: the store would take minutes for as many. */
const fill = (store: Stores.PostgresOptions, count: number) =>
  Effect.gen(function* () {
    const ports = yield* Stores.local(store)
    if (count === 0) return
    const { create } = Context.get(ports, Schedules.Schedules)
    yield* create({ name: "Idle", target: { kind: "agent", id: "idle" }, schedule: "0 0 1 1 *" })
    yield* Postgres.withClient(store.url, async (client) => {
      await client.query(
        `INSERT INTO schedules (id, project_id, status, next_at, body)
        SELECT gen_random_uuid()::text, s.project_id, s.status, s.next_at + n, s.body
        FROM schedules s, generate_series(1, $1::int) n`,
        [count - 1],
      )
      await Postgres.tidy(client)
    })
  }).pipe(Effect.scoped)

const rowsRead = (store: Stores.PostgresOptions) =>
  Postgres.withClient(store.url, async (client) => {
    const { rows } = await client.query<{ readonly read: number }>(
      `SELECT (seq_tup_read + COALESCE(idx_tup_fetch, 0))::float8 AS read
      FROM pg_stat_user_tables WHERE relname = 'schedules'`,
    )
    return rows[0]!.read
  })

/** The CPU of an idle server in parts of a core, and the rows of schedules that its database reads each minute. */
const measureIdle = (count: number) =>
  Effect.gen(function* () {
    const store = yield* Machine.postgres(`schedules_${count}`)
    yield* fill(store, count)
    const server = yield* Stores.server(store)
    yield* Effect.sleep("5 seconds")
    const before = { cpu: yield* server.call("cpu"), read: yield* rowsRead(store) }
    yield* Effect.sleep(`${seconds} seconds`)
    const after = { cpu: yield* server.call("cpu"), read: yield* rowsRead(store) }
    return [
      `${count.toLocaleString("en-US")} schedules`,
      `${((100 * (after.cpu - before.cpu)) / 1e6 / seconds).toFixed(2)} %`,
      `${(((after.cpu - before.cpu) / 1e3) * (60 / seconds)).toFixed(0)} ms`,
      (((after.read - before.read) * 60) / seconds).toFixed(0),
    ]
  }).pipe(Effect.scoped)

/** How late jobs start, from when a contender is ready until its last minute has had its time. */
const measureTicks = (name: string, program: string) =>
  Effect.gen(function* () {
    const database = yield* Machine.database(`ticks_${name.replaceAll(/\W/g, "_").toLowerCase()}`)
    const contender = yield* Child.start<null, Calls>(program, {
      database,
      schedules: ticking,
    } satisfies Options)
    const now = yield* Clock.currentTimeMillis
    // A job that is not there within 50 seconds of its minute counts as none.
    const end = Math.floor(now / 60_000 + minutes) * 60_000 + 50_000
    yield* Effect.sleep(end - now)
    const late = yield* contender.call("late")
    return [
      name,
      `${late.length} of ${ticking * minutes}`,
      ...[0.5, 0.99].map((q) => `${Math.round(Statistics.quantile(late, q))} ms`),
    ]
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const costs = yield* Effect.forEach([0, idle], measureIdle)
  yield* Console.log(
    Table.render(
      "An idle server on PostgreSQL",
      ["schedules", "CPU of a core", "CPU a minute", "rows of schedules read a minute"],
      costs,
    ),
  )
  const ticks = yield* Effect.forEach(
    [
      ["Runlease", "contenders/RunleaseTicks.ts"],
      ["graphile-worker", "../peers/GraphileTicks.ts"],
      ["pg-boss", "../peers/PgBossTicks.ts"],
    ] as const,
    ([name, path]) => measureTicks(name, path),
  )
  yield* Console.log(
    Table.render(
      `${ticking.toLocaleString("en-US")} schedules of each minute, on PostgreSQL`,
      ["system", "jobs", "late, p50", "late, p99"],
      ticks,
    ),
  )
})

program.pipe(Effect.provide(Machine.layer), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
