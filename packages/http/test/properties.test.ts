import { NodeContext } from "@effect/platform-node"
import { FileSystem } from "@effect/platform"
import { MemoryControlPlane } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import * as PropertySuite from "@runlease/testkit/PropertySuite"
import { Effect, Layer } from "effect"
import { client, serve } from "./serving.js"

const sqlite = Layer.unwrapScoped(
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "runlease-http-" })
    return SqlControlPlane.layerSqlite({ filename: `${folder}/runlease.db` })
  }),
).pipe(Layer.provide(NodeContext.layer))

PropertySuite.suite("HTTP before memory", Layer.provide(client, serve(MemoryControlPlane.layer)), {
  runs: 1000,
})
PropertySuite.suite("HTTP before SQLite", Layer.provide(client, serve(sqlite)), { runs: 200 })
