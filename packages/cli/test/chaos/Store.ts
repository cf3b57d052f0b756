/**
 * The databases of control planes in chaos, and what goes wrong with them.
 */
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Effect, type Scope } from "effect"
import { join } from "node:path"
import * as Proxies from "../Proxies.js"
import * as Disk from "./Disk.js"
import type * as Faults from "./Faults.js"
import * as FaultKinds from "./FaultKinds.js"

/** `databases`: one for each server, as `--database` takes it. `leftOut`: a fault that cannot happen on this machine, and why. */
export interface Store {
  readonly databases: ReadonlyArray<string>
  readonly faults: ReadonlyArray<Faults.Fault>
  readonly leftOut: string | undefined
}

const noDisk = "The disk does not fill up: only root can mount a small one, on Linux"

const sqlite = (folder: string): Effect.Effect<Store, never, Scope.Scope> =>
  Effect.map(Disk.make(folder, "192m"), (disk) => ({
    databases: [`sqlite:${join(folder, "runs.sqlite")}`],
    faults: disk === undefined ? [] : FaultKinds.oneAtATime(FaultKinds.fullDisk(disk, Effect.void)),
    leftOut: disk === undefined ? noDisk : undefined,
  }))

const postgres = (folder: string): Effect.Effect<Store, TestServer.ServerNotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const disk = yield* Disk.make(folder, "512m")
    // A small disk has room for little of the log.
    const server = yield* TestServer.make({ parent: folder, settings: ["max_wal_size=128MB"] })
    const links = yield* Effect.all([1, 2].map(() => Proxies.network(`http://127.0.0.1:${server.port}`)))
    // PostgreSQL ends by itself when it cannot write its log, but not at once.
    const restart = Effect.orDie(Effect.zipRight(server.kill("SIGQUIT"), server.start))
    return {
      databases: links.map(({ url }) => {
        const database = new URL(server.url)
        database.port = new URL(url).port
        return database.href
      }),
      faults: [
        ...FaultKinds.oneAtATime(
          FaultKinds.databaseRestart(server),
          ...(disk === undefined ? [] : [FaultKinds.fullDisk(disk, restart)]),
        ),
        ...links.flatMap((link, index) =>
          FaultKinds.badLink(`server-${index + 1} to the database`, link, 0.5),
        ),
      ],
      leftOut: disk === undefined ? noDisk : undefined,
    }
  })

/** The stores by their names. Each has a folder for its files. */
export const stores = { sqlite, postgres }

export type Name = keyof typeof stores
