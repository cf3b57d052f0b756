/** Starts the systems of the part `agent`: their servers, their viewers, and workers on demand. */
import { freePort } from "@runlease/test-postgres/FreePort"
import { Effect, Option, type Scope } from "effect"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { Options as BullMqAgent } from "../../peers/BullMqAgent.js"
import type { Options as BullMqViewers } from "../../peers/BullMqViewers.js"
import type { Options as DbosAgent } from "../../peers/DbosAgent.js"
import type { Options as DbosViewers } from "../../peers/DbosViewers.js"
import type { Options as RestateAgent } from "../../peers/RestateAgent.js"
import type { Options as RestateViewers } from "../../peers/RestateViewers.js"
import * as Child from "../Child.js"
import * as Contenders from "../Contenders.js"
import type { Options as RunleaseAgent } from "../contenders/RunleaseAgent.js"
import type * as Cpu from "../Cpu.js"
import * as Machine from "../Machine.js"
import * as Restate from "../Restate.js"
import * as Stores from "../Stores.js"
import * as Stored from "./Stored.js"
import type * as Viewers from "./Viewers.js"

/** The lease or lock of a worker, in seconds: the shortest that Runlease takes. */
const lease = 5

export interface Settings {
  /** Of its database, its queue and its path at the model. */
  readonly name: string
  /** The URL of the model. */
  readonly model: string
  /** The most agents that a worker executes at once. */
  readonly concurrency: number
}

export type Worker = Child.Child<unknown, Child.Common>

export interface System {
  /** Starts a worker. The Scope kills it by SIGKILL. */
  readonly startWorker: Effect.Effect<Worker, never, Scope.Scope>
  readonly viewers: Child.Child<null, Viewers.Calls>
  /** Of its server and its database. */
  readonly meters: Cpu.Meters
  /** The bytes that its store has. */
  readonly stored: Effect.Effect<number>
}

/** Null on a machine without its software. */
export type Open = (
  settings: Settings,
) => Effect.Effect<System | null, unknown, Machine.Machine | Scope.Scope>

const startViewers = (program: string, options: unknown) => Child.start<null, Viewers.Calls>(program, options)

export const runlease =
  (backend: Contenders.Backend): Open =>
  ({ concurrency, model, name }) =>
    Effect.gen(function* () {
      const store = yield* Contenders.newStore(backend, name)
      const server = yield* Stores.server(store)
      const served = server.ready
      return {
        startWorker: Child.start("contenders/RunleaseAgent.ts", {
          served,
          model,
          concurrency,
          lease,
        } satisfies RunleaseAgent),
        viewers: yield* startViewers("contenders/RunleaseViewers.ts", served),
        meters: { server: server.call("cpu"), ...(yield* Contenders.databaseOf(backend)) },
        stored: Stored.ofStore(store),
      }
    })

export const bullMq: Open = ({ concurrency, model, name }) =>
  Effect.gen(function* () {
    const redis = yield* (yield* Machine.Machine).redis("always")
    if (Option.isNone(redis)) return null
    const { cpu, port } = redis.value
    const viewers = yield* startViewers("../peers/BullMqViewers.ts", { port, name } satisfies BullMqViewers)
    return {
      startWorker: Child.start("../peers/BullMqAgent.ts", {
        port,
        name,
        model,
        concurrency,
        lease,
      } satisfies BullMqAgent),
      viewers,
      meters: { database: cpu },
      stored: viewers.call("stored"),
    }
  })

export const dbos: Open = ({ model, name }) =>
  Effect.gen(function* () {
    const database = yield* Machine.database(name)
    const port = yield* freePort
    return {
      startWorker: Child.start("../peers/DbosAgent.ts", { database, model, port } satisfies DbosAgent),
      viewers: yield* startViewers("../peers/DbosViewers.ts", { database, port } satisfies DbosViewers),
      meters: yield* Contenders.databaseOf("PostgreSQL"),
      stored: Stored.ofPostgres(database),
    }
  })

/** Its server has its storage in it, and is not shared with another part. */
export const restate: Open = ({ model, name }) =>
  Effect.gen(function* () {
    const folder = join((yield* Machine.Machine).folder, name)
    yield* Effect.promise(() => mkdir(folder))
    const found = yield* Restate.server(folder)
    if (Option.isNone(found)) return null
    const { admin, cpu, ingress } = found.value
    const port = yield* freePort
    return {
      startWorker: Child.start("../peers/RestateAgent.ts", {
        admin,
        ingress,
        model,
        port,
      } satisfies RestateAgent),
      viewers: yield* startViewers("../peers/RestateViewers.ts", { ingress } satisfies RestateViewers),
      meters: { server: cpu },
      stored: Stored.ofFolder(folder),
    }
  })
