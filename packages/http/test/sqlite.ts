import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { SqlControlPlane } from "@runlease/sql"
import { Effect, Layer } from "effect"

/** The path of a database that is not there yet, in a folder that goes with the Scope. */
export const filename = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "runlease-http-" })
  return `${folder}/runlease.db`
}).pipe(Effect.provide(NodeContext.layer))

/** A store in a file of its own. */
export const sqlite = Layer.unwrapScoped(
  Effect.map(filename, (file) => SqlControlPlane.layerSqlite({ filename: file })),
)
