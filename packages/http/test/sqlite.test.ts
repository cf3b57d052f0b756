import { NodeContext } from "@effect/platform-node"
import { FileSystem } from "@effect/platform"
import { SqlControlPlane } from "@runlease/sql"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { Effect, Layer } from "effect"
import { client, serve } from "./serving.js"

const sqlite = Layer.unwrapScoped(
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "runlease-http-" })
    return SqlControlPlane.layerSqlite({ filename: `${folder}/runlease.db` })
  }),
).pipe(Layer.provide(NodeContext.layer))

ProjectPortsSuite.suite("HTTP before SQLite", Layer.provide(client, serve(sqlite)))
