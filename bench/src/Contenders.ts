/** Starts the contenders of the comparisons. */
import { Effect, Option, type Scope } from "effect"
import type { Options as BullMq } from "../peers/BullMq.js"
import type { Options as Dbos } from "../peers/Dbos.js"
import type { Options as DbosLimits } from "../peers/DbosLimits.js"
import type { Options as GraphileWorker } from "../peers/GraphileWorker.js"
import type { Options as PgBoss } from "../peers/PgBoss.js"
import type { Options as PlainJob } from "../peers/PlainJob.js"
import type { Options as Restate } from "../peers/Restate.js"
import * as Before from "./Before.js"
import * as Child from "./Child.js"
import type { Options as ByHand } from "./contenders/ByHand.js"
import { type Contender, start, startPeer } from "./contenders/Contender.js"
import type { Options as Runlease } from "./contenders/Runlease.js"
import type { Options as RunleaseSteps } from "./contenders/RunleaseSteps.js"
import type * as Cpu from "./Cpu.js"
import * as Backlog from "./hand/Backlog.js"
import * as Machine from "./Machine.js"
import type { Fsync } from "./Redis.js"
import * as Stores from "./Stores.js"

export type Backend = "PostgreSQL" | "SQLite normal" | "SQLite full"

/** The process of a contender, and the meters of all its processes: `client`, `server` and `database` where it has them. */
export interface Started {
  readonly contender: Contender
  readonly meters: Cpu.Meters
}

/** The slots of every worker, unless its name says otherwise. */
export const slots = 24

export const manySlots = 100

/** A store without its tables, which its server or worker makes. */
export const newStore = (
  backend: Backend,
  name: string,
): Effect.Effect<Stores.StoreOptions, unknown, Machine.Machine | Scope.Scope> =>
  backend === "PostgreSQL"
    ? Machine.postgres(name)
    : Machine.sqlite(`${name}-${backend.slice(7)}`, backend === "SQLite full" ? "full" : "normal")

/** A new store with its tables. */
export const storeOf = (backend: Backend, name: string) =>
  Effect.tap(newStore(backend, name), (store) => Effect.scoped(Stores.local(store)))

/** The meter of the processes of a store's database, which SQLite does not have. */
export const databaseOf = (backend: Backend): Effect.Effect<Cpu.Meters, never, Machine.Machine> =>
  backend === "PostgreSQL" ? postgresMeter : Effect.succeed({})

const postgresMeter = Effect.gen(function* () {
  const { cpu } = yield* (yield* Machine.Machine).postgres
  return { database: cpu }
})

const startedWith = (contender: Contender, more: Cpu.Meters = {}): Started => ({
  contender,
  meters: { client: contender.call("cpu"), ...more },
})

export interface RunleaseOptions {
  readonly concurrency?: number
  /** The worker's own number when absent. */
  readonly claimAhead?: number
  readonly load?: Backlog.Load
  /** How many keys with limits its runs share. */
  readonly keys?: number
  /** How many control planes of their own, each with a waiting worker, share the database. One when absent. */
  readonly servers?: number
  /** An Effect when absent; a Stream for the commit before. */
  readonly noop?: Runlease["noop"]
  /** Whether leases are renewed on the event loop, over the network. */
  readonly onLoop?: boolean
  /** The checkout of the commit before. */
  readonly checkout?: string
}

const nameOf = (options: RunleaseOptions): string => {
  const { checkout, claimAhead, concurrency = slots, keys, load, noop, onLoop, servers = 1 } = options
  const variant = checkout === undefined ? (onLoop ? "loop" : noop) : "before"
  return ["runlease", variant, concurrency, claimAhead, servers, load?.pending, load?.finished, keys]
    .filter((part) => part !== undefined && part !== "")
    .join("_")
}

const noopOf = (checkout: string | undefined): Runlease["noop"] =>
  checkout === undefined ? "effect" : "stream"

/** Worker and store in one process. */
export const runlease = (backend: Backend, options: RunleaseOptions = {}) =>
  Effect.gen(function* () {
    const { checkout, claimAhead, concurrency = slots, load, noop = noopOf(checkout), servers = 1 } = options
    const store = yield* (checkout === undefined ? storeOf : newStore)(backend, nameOf(options))
    if (load !== undefined) yield* Backlog.fill(store, load)
    const submits = yield* Before.isGiven
    const contender = yield* start(
      "Runlease",
      {
        store,
        concurrency,
        noop,
        servers,
        submits,
        ...(claimAhead !== undefined && { claimAhead }),
      } satisfies Runlease,
      checkout,
    )
    return startedWith(contender, yield* databaseOf(backend))
  })

/** Server and worker in separate processes. */
export const runleaseOverNetwork = (backend: Backend, options: RunleaseOptions = {}) =>
  Effect.gen(function* () {
    const { checkout, concurrency = slots, noop = noopOf(checkout), onLoop = false } = options
    const store = yield* (checkout === undefined ? storeOf : newStore)(backend, `served_${nameOf(options)}`)
    const server = yield* Stores.server(store, checkout)
    const submits = yield* Before.isGiven
    const contender = yield* start(
      "Runlease",
      { store, served: server.ready, onLoop, concurrency, noop, servers: 1, submits } satisfies Runlease,
      checkout,
    )
    return startedWith(contender, { server: server.call("cpu"), ...(yield* databaseOf(backend)) })
  })

/** Runs of steps, by a worker in the process of the store or, where `served`, over the network. */
export const runleaseSteps = (backend: Backend, served: boolean, checkout?: string) =>
  Effect.gen(function* () {
    const name = ["steps", served ? "served" : "local", checkout === undefined ? "now" : "before"].join("_")
    const store = yield* (checkout === undefined ? storeOf : newStore)(backend, name)
    const server = served ? yield* Stores.server(store, checkout) : undefined
    const submits = yield* Before.isGiven
    const contender = yield* start(
      "RunleaseSteps",
      { store, submits, ...(server && { served: server.ready }) } satisfies RunleaseSteps,
      checkout,
    )
    return startedWith(contender, {
      ...(server && { server: server.call("cpu") }),
      ...(yield* databaseOf(backend)),
    })
  })

export const byHand = (backend: Backend, batch: number) =>
  Effect.gen(function* () {
    const store = yield* storeOf(backend, `hand_${batch}`)
    const contender = yield* start("ByHand", { store, batch } satisfies ByHand)
    return startedWith(contender, yield* databaseOf(backend))
  })

export const byHandOverNetwork = (batch: number) =>
  Effect.gen(function* () {
    const store = yield* Machine.sqlite("hand_served", "normal")
    yield* Effect.scoped(Stores.local(store))
    const server = yield* Child.start<string>("handServer.ts", store)
    const contender = yield* start("ByHand", { store, url: server.ready, batch } satisfies ByHand)
    return startedWith(contender, { server: server.call("cpu") })
  })

export const graphileWorker = (options: Omit<GraphileWorker, "url">) =>
  Effect.gen(function* () {
    const url = yield* Machine.database(
      `graphile_${options.concurrency}_${options.localQueue}_${options.batched}`,
    )
    const contender = yield* startPeer("GraphileWorker", { ...options, url } satisfies GraphileWorker)
    return startedWith(contender, yield* postgresMeter)
  })

/** `keys`: how many groups its jobs share, where they do. */
export const pgBoss = (options: Omit<PgBoss, "url">, keys = 0) =>
  Effect.gen(function* () {
    const url = yield* Machine.database(`boss_${options.fetchers}_${options.batchSize}_${keys}`)
    const contender = yield* startPeer("PgBoss", { ...options, url } satisfies PgBoss)
    return startedWith(contender, yield* postgresMeter)
  })

/** Null on a machine without Redis. */
export const bullMq = (fsync: Fsync, concurrency = slots) =>
  Effect.gen(function* () {
    const redis = yield* (yield* Machine.Machine).redis(fsync)
    if (Option.isNone(redis)) return null
    const { cpu, port } = redis.value
    const contender = yield* startPeer("BullMq", { port, concurrency } satisfies BullMq)
    return startedWith(contender, { database: cpu })
  })

export const plainJob = (synchronous: Stores.Synchronous) =>
  Effect.gen(function* () {
    const store = yield* Machine.sqlite(`plainjob-${synchronous}`, synchronous)
    return startedWith(yield* startPeer("PlainJob", { store } satisfies PlainJob))
  })

export const dbos = (connections: number) =>
  Effect.gen(function* () {
    const url = yield* Machine.database(`dbos_${connections}`)
    const contender = yield* startPeer("Dbos", { url, connections } satisfies Dbos)
    return startedWith(contender, yield* postgresMeter)
  })

/** `keys`: how many partitions its queue has. */
export const dbosLimits = (keys: number) =>
  Effect.gen(function* () {
    const url = yield* Machine.database(`dbos_limits_${keys}`)
    return startedWith(yield* startPeer("DbosLimits", { url } satisfies DbosLimits), yield* postgresMeter)
  })

/** Null on a machine without Restate. Its server has its storage in it. */
export const restate = Effect.gen(function* () {
  const found = yield* (yield* Machine.Machine).restate
  if (Option.isNone(found)) return null
  const { admin, cpu, ingress } = found.value
  const contender = yield* startPeer("Restate", { admin, ingress } satisfies Restate)
  return startedWith(contender, { server: cpu })
})
