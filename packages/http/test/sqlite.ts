import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { SqlControlPlane } from "@runlease/sql"
import { Effect, Layer } from "effect"

/** A store in a file of its own. */
export const sqlite = Layer.unwrapScoped(
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "runlease-http-" })
    return SqlControlPlane.layerSqlite({ filename: `${folder}/runlease.db` })
  }),
).pipe(Layer.provide(NodeContext.layer))
