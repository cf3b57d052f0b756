/** A Restate server for this benchmark, with its defaults: it writes its log to the disk before it acknowledges. */
import { Effect, Option, type Scope } from "effect"
import { createRequire } from "node:module"
import { arch, platform } from "node:os"
import { join } from "node:path"
import { freePort } from "@runlease/test-postgres/FreePort"
import * as ServerProcess from "./ServerProcess.js"

/** The addresses of the admin's API and of the API that takes requests. */
export interface Server extends ServerProcess.ServerProcess {
  readonly admin: string
  readonly ingress: string
}

/** The server's program, which is in a package of the platform. None where there is no such package. */
const program = (): Option.Option<string> => {
  const peers = createRequire(new URL("../peers/", import.meta.url))
  const server = peers.resolve("@restatedev/restate-server/package.json")
  try {
    return Option.some(
      createRequire(server).resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`),
    )
  } catch {
    return Option.none()
  }
}

const isUp = async (admin: string): Promise<boolean> => {
  try {
    return (await fetch(`${admin}/health`)).ok
  } catch {
    return false
  }
}

/** Starts a server where its program is installed. The Scope stops it. */
export const server = (folder: string): Effect.Effect<Option.Option<Server>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const found = program()
    if (Option.isNone(found)) return Option.none()
    const freeAddress = Effect.map(freePort, (port) => `127.0.0.1:${port}`)
    const [admin, ingress, node] = yield* Effect.all([freeAddress, freeAddress, freeAddress])
    const { cpu } = yield* ServerProcess.start({
      program: found.value,
      flags: ["--base-dir", join(folder, "restate")],
      env: {
        RESTATE_ADMIN__BIND_ADDRESS: admin,
        RESTATE_INGRESS__BIND_ADDRESS: ingress,
        RESTATE_BIND_ADDRESS: node,
        RESTATE_LISTEN_MODE: "tcp",
        RESTATE_DISABLE_TELEMETRY: "true",
      },
      isUp: () => isUp(`http://${admin}`),
    })
    return Option.some({ admin: `http://${admin}`, ingress: `http://${ingress}`, cpu })
  })
