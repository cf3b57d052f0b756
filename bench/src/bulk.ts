/**
 * How fast a bulk operation cancels pending runs, and what another project notices of it: the time of a claim of a worker that submits,
 * claims and ends one run after the other, without the operation and beside it. Beside it are pg-boss and DBOS.
 *
 * `--runs=N` is how many are cancelled, 100,000 when absent, `--rounds=N` how often, 3 when absent, after one that warms up.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Child from "./Child.js"
import type { Calls, Options } from "./contenders/Bulk.js"
import * as Contenders from "./Contenders.js"
import * as Cpu from "./Cpu.js"
import { numberOf } from "./Flags.js"
import * as Machine from "./Machine.js"
import * as Statistics from "./Statistics.js"
import * as Table from "./Table.js"

const count = numberOf("runs", 100_000)
const rounds = numberOf("rounds", 3)

/** How many seconds the other project is measured alone, in each round. */
const alone = 3

const url = (name: string) => Machine.database(`bulk_${name}`)

const systems = {
  "SQLite: Runlease": {
    program: "contenders/RunleaseBulk.ts",
    store: Contenders.storeOf("SQLite normal", "bulk"),
  },
  "PostgreSQL: Runlease": {
    program: "contenders/RunleaseBulk.ts",
    store: Contenders.storeOf("PostgreSQL", "bulk"),
  },
  "PostgreSQL: pg-boss": { program: "../peers/PgBossBulk.ts", store: url("boss") },
  "PostgreSQL: DBOS": { program: "../peers/DbosBulk.ts", store: url("dbos") },
}

interface Round {
  readonly millis: number
  readonly used: Readonly<Record<string, number | null>>
  readonly besideMillis: number
  readonly without: ReadonlyArray<number>
  readonly beside: ReadonlyArray<number>
}

const round = (contender: Child.Child<null, Calls>, meters: Cpu.Meters) =>
  Effect.gen(function* () {
    yield* contender.call("fill", count)
    yield* contender.call("memory")
    const { used, value: millis } = yield* Cpu.during(meters, contender.call("cancel"))
    yield* contender.call("fill", count)
    const without = yield* contender.call("claims", alone)
    const { cancelled, claims } = yield* contender.call("cancelBeside")
    return { millis, used, besideMillis: cancelled, without, beside: claims } satisfies Round
  })

const rowOf = (name: string, all: ReadonlyArray<Round>): ReadonlyArray<string> => {
  const spread = (of: (round: Round) => number) => Table.spread(Statistics.summarize(all.map(of)))
  const [without, beside] = [all.flatMap((each) => each.without), all.flatMap((each) => each.beside)]
  const cpu = (process: string) =>
    all[0]!.used[process] == null ? "–" : spread(({ used }) => used[process]! / count)
  const times = (claims: ReadonlyArray<number>) =>
    claims.length === 0
      ? "–"
      : [0.5, 0.95].map((q) => Table.number(Statistics.quantile(claims, q))).join(", ")
  return [
    name,
    spread(({ millis }) => (count / millis) * 1000),
    cpu("client"),
    cpu("database"),
    spread(({ besideMillis }) => (count / besideMillis) * 1000),
    times(without),
    times(beside),
    beside.length === 0
      ? "–"
      : Table.ratio(Statistics.quantile(beside, 0.95), Statistics.quantile(without, 0.95)),
    String(beside.length),
  ]
}

const measure = (name: string, { program, store }: (typeof systems)[keyof typeof systems]) =>
  Effect.gen(function* () {
    const contender = yield* Child.start<null, Calls>(program, {
      store: yield* store,
    } satisfies Options<unknown>)
    const { cpu } = yield* (yield* Machine.Machine).postgres
    const meters: Cpu.Meters = {
      client: contender.call("cpu"),
      ...(name.startsWith("PostgreSQL") ? { database: cpu } : {}),
    }
    yield* round(contender, meters)
    return rowOf(name, yield* Effect.replicateEffect(round(contender, meters), rounds))
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length) ?? ""
  const rows = yield* Effect.forEach(
    Object.entries(systems).filter(([name]) => name.includes(only)),
    ([name, system]) => measure(name, system),
  )
  yield* Console.log(
    Table.render(
      `Cancel ${count.toLocaleString("en-US")} pending runs`,
      [
        "system",
        "runs/s",
        "client, µs/run",
        "database, µs/run",
        "beside claims, runs/s",
        "claim alone, p50, p95 ms",
        "claim beside, p50, p95 ms",
        "p95",
        "claims beside",
      ],
      rows,
    ),
  )
})

NodeRuntime.runMain(program.pipe(Effect.provide(Machine.layer), Effect.provide(NodeContext.layer)))
