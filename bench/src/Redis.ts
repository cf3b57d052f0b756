/** Redis servers for this benchmark, if the machine has Redis. */
import { Effect, Option, type Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdir } from "node:fs/promises"
import { connect } from "node:net"
import { join } from "node:path"
import { freePort } from "./FreePort.js"

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

const exited = (server: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (server.exitCode !== null) resolve()
    server.once("exit", () => resolve())
    server.kill("SIGKILL")
  })

/** Starts a server with an append-only file and returns its port. The Scope stops it. */
export const server = (folder: string, fsync: Fsync): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const dir = join(folder, `redis-${fsync}`)
    const settings = { port, bind: "127.0.0.1", dir, save: "", appendonly: "yes", appendfsync: fsync }
    yield* Effect.acquireRelease(
      Effect.promise(async () => {
        await mkdir(dir, { recursive: true })
        return spawn(
          "redis-server",
          Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
          { stdio: "ignore" },
        )
      }),
      (started) => Effect.promise(() => exited(started)),
    )
    yield* Effect.repeat(
      Effect.delay(
        Effect.promise(() => isUp(port)),
        "20 millis",
      ),
      { until: (up) => up },
    )
    return port
  })
