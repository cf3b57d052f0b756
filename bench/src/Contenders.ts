/** Starts the contenders of the comparisons. */
import { Effect, Option, type Scope } from "effect"
import * as Backlog from "./Backlog.js"
import * as Child from "./Child.js"
import type { Options as BullMq } from "./contenders/BullMq.js"
import type { Options as ByHand } from "./contenders/ByHand.js"
import { start } from "./contenders/Contender.js"
import type { Options as GraphileWorker } from "./contenders/GraphileWorker.js"
import type { Options as PgBoss } from "./contenders/PgBoss.js"
import type { Options as PlainJob } from "./contenders/PlainJob.js"
import type { Options as Runlease } from "./contenders/Runlease.js"
import * as Machine from "./Machine.js"
import type { Fsync } from "./Redis.js"
import * as Stores from "./Stores.js"

export type Backend = "PostgreSQL" | "SQLite normal" | "SQLite full"

/** A new store with its tables. */
export const storeOf = (
  backend: Backend,
  name: string,
): Effect.Effect<Stores.StoreOptions, unknown, Machine.Machine | Scope.Scope> =>
  backend === "PostgreSQL"
    ? Machine.postgres(name)
    : Machine.sqlite(`${name}-${backend.slice(7)}`, backend === "SQLite full" ? "full" : "normal")

export const runlease = (backend: Backend, load?: Backlog.Load) =>
  Effect.gen(function* () {
    const store = yield* storeOf(backend, `runlease_${load?.pending}_${load?.finished}`)
    if (load !== undefined) yield* Backlog.fill(store, load)
    return yield* start("Runlease", { store } satisfies Runlease)
  })

/** Server and worker in separate processes. */
export const runleaseOverNetwork = (backend: Backend) =>
  Effect.gen(function* () {
    const store = yield* storeOf(backend, "served")
    const { ready: served } = yield* Stores.server(store)
    return yield* start("Runlease", { store, served } satisfies Runlease)
  })

export const byHand = (backend: Backend, batch: number) =>
  Effect.flatMap(storeOf(backend, `hand_${batch}`), (store) =>
    start("ByHand", { store, batch } satisfies ByHand),
  )

export const byHandOverNetwork = (batch: number) =>
  Effect.gen(function* () {
    const store = yield* Machine.sqlite("hand_served", "normal")
    const { ready: url } = yield* Child.start<string>("handServer.ts", store)
    return yield* start("ByHand", { store, url, batch } satisfies ByHand)
  })

export const graphileWorker = (options: Omit<GraphileWorker, "url">) =>
  Effect.flatMap(Machine.database(`graphile_${options.localQueue}_${options.batched}`), (url) =>
    start("GraphileWorker", { ...options, url } satisfies GraphileWorker),
  )

export const pgBoss = Effect.flatMap(Machine.database("boss"), (url) =>
  start("PgBoss", { url } satisfies PgBoss),
)

/** Null on a machine without Redis. */
export const bullMq = (fsync: Fsync) =>
  Effect.gen(function* () {
    const port = yield* (yield* Machine.Machine).redis(fsync)
    return Option.isNone(port) ? null : yield* start("BullMq", { port: port.value } satisfies BullMq)
  })

export const plainJob = (synchronous: Stores.Synchronous) =>
  Effect.flatMap(Machine.Machine, ({ folder }) =>
    start("PlainJob", {
      store: { _tag: "Sqlite", filename: `${folder}/plainjob-${synchronous}.sqlite`, synchronous },
    } satisfies PlainJob),
  )
