/** The measured control planes: in this process, and behind HTTP in a separate one. */
import { FileSystem } from "@effect/platform"
import { NodeHttpClient, NodeSocket } from "@effect/platform-node"
import type { Access, ControlPlane, ControlPlaneError } from "@runlease/core"
// The packages of another commit may lack a module.
import * as Http from "@runlease/http"
import { SqlControlPlane, type SqliteFile } from "@runlease/sql"
import { type Context, Effect, Layer, Redacted, type Scope } from "effect"
import * as Child from "./Child.js"

export type Ports = Context.Context<ControlPlane.ProjectPorts>

/** SQLite's `synchronous`. */
export type Synchronous = "normal" | "full"

export interface SqliteOptions {
  readonly _tag: "Sqlite"
  readonly filename: string
  readonly synchronous: Synchronous
}

export interface PostgresOptions {
  readonly _tag: "Postgres"
  readonly url: string
}

/** The database of a store. */
export type StoreOptions = SqliteOptions | PostgresOptions

/** A folder on the disk of this checkout, as the system's temporary folder may be in memory. */
export const folder = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const parent = new URL("../.data/", import.meta.url).pathname
  yield* fs.makeDirectory(parent, { recursive: true })
  return yield* fs.makeTempDirectoryScoped({ directory: parent })
})

export const layer = (
  options: StoreOptions,
): Layer.Layer<
  ControlPlane.ControlPlane | Access.Access | ControlPlane.StorePorts,
  ControlPlaneError.ControlPlaneError | SqliteFile.SqliteFileUnusable
> =>
  options._tag === "Sqlite"
    ? SqlControlPlane.layerSqlite(options)
    : SqlControlPlane.layerPostgres({ url: Redacted.make(options.url) })

export const local = (options: StoreOptions) => Layer.build(layer(options))

export interface Served {
  readonly url: string
  readonly key: string
}

/** A server with the packages of `checkout` where that is given. */
export const server = (options: StoreOptions, checkout?: string) =>
  Child.start<Served>("server.ts", options, checkout)

type LayerOf = typeof Http.Client.layerWith

/** Earlier commits name it `layer`. */
const layerOf = (module: { readonly layerWith: LayerOf; readonly layer?: LayerOf }): LayerOf =>
  module.layer ?? module.layerWith

/** The HTTP client of `runlease worker`; leases are renewed on the event loop where `onLoop`, and by earlier commits. */
export const client = ({ key, url }: Served, onLoop = false): Effect.Effect<Ports, never, Scope.Scope> => {
  const layer = layerOf(onLoop || !("WorkerClient" in Http) ? Http.Client : Http.WorkerClient)
  return Layer.build(
    layer({ baseUrl: url, token: Redacted.make(key) }).pipe(
      Layer.provide([NodeHttpClient.layerUndici, NodeSocket.layerWebSocketConstructor]),
    ),
  )
}
