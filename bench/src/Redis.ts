/** Redis servers for this benchmark, if the machine has Redis. */
import { Effect, Option, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { mkdir } from "node:fs/promises"
import { connect } from "node:net"
import { join } from "node:path"
import { freePort } from "@runlease/test-postgres/FreePort"
import * as ServerProcess from "./ServerProcess.js"

export type Fsync = "always" | "everysec"

/** None without a `redis-server`. */
export const version: Effect.Effect<Option.Option<string>> = Effect.sync(() =>
  Option.fromNullable(/v=(\S+)/.exec(spawnSync("redis-server", ["--version"]).stdout?.toString() ?? "")?.[1]),
)

const isUp = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => socket.write("PING\r\n"))
    socket.once("data", (data) => {
      socket.destroy()
      resolve(data.toString().startsWith("+PONG"))
    })
    socket.once("error", () => resolve(false))
  })

export interface Server extends ServerProcess.ServerProcess {
  readonly port: number
}

/** Starts a server with an append-only file. The Scope stops it. */
export const server = (folder: string, fsync: Fsync): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const dir = join(folder, `redis-${fsync}`)
    const settings = { port, bind: "127.0.0.1", dir, save: "", appendonly: "yes", appendfsync: fsync }
    yield* Effect.promise(() => mkdir(dir, { recursive: true }))
    const { cpu } = yield* ServerProcess.start({
      program: "redis-server",
      flags: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      isUp: () => isUp(port),
    })
    return { port, cpu }
  })
