/** The control planes that are measured: in this process, and behind HTTP in one of its own. */
import { FetchHttpClient, FileSystem } from "@effect/platform"
import { type ControlPlane, WorkerRegistry } from "@runlease/core"
import { Client } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import { Context, Effect, Layer, Redacted } from "effect"
import * as Child from "./Child.js"

export type Ports = Context.Context<ControlPlane.ProjectPorts>
export type Synchronous = "normal" | "full"

/** A folder on the disk of this checkout, since a folder of the system's may be in memory. */
export const folder = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const parent = new URL("../.data/", import.meta.url).pathname
  yield* fs.makeDirectory(parent, { recursive: true })
  return yield* fs.makeTempDirectoryScoped({ directory: parent })
})

export const local = (filename: string, synchronous: Synchronous) =>
  Layer.build(SqlControlPlane.layerSqlite({ filename, synchronous }))

export interface ServerOptions {
  readonly filename: string
  readonly synchronous: Synchronous
}

export interface Served {
  readonly url: string
  readonly key: string
}

export const server = (options: ServerOptions) => Child.start<Served>("server.ts", options)

export const client = ({ url, key }: Served, fetch?: typeof globalThis.fetch) =>
  Layer.build(
    Client.layer({ baseUrl: url, token: Redacted.make(key) }).pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(fetch === undefined ? Layer.empty : Layer.succeed(FetchHttpClient.Fetch, fetch)),
    ),
  )

export const registerWorker = (ports: Ports) =>
  Effect.map(
    Context.get(ports, WorkerRegistry.WorkerRegistry).register({
      implementationKind: "bench",
      workerKey: "bench",
    }),
    ({ id }) => id,
  )
