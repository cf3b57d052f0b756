/** Redis servers for this benchmark, if the machine has Redis. */
import { Effect, Option, type Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdir } from "node:fs/promises"
import { connect } from "node:net"
import { join } from "node:path"
import { freePort } from "./FreePort.js"
import * as ProcessCpu from "./ProcessCpu.js"

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

export interface Server {
  readonly port: number
  /** Microseconds of CPU so far. Null on a machine without /proc. */
  readonly cpu: Effect.Effect<number | null>
}

/** Starts a server with an append-only file. The Scope stops it. */
export const server = (folder: string, fsync: Fsync): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const dir = join(folder, `redis-${fsync}`)
    const settings = { port, bind: "127.0.0.1", dir, save: "", appendonly: "yes", appendfsync: fsync }
    const { pid } = yield* Effect.acquireRelease(
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
    const measured = pid !== undefined && ProcessCpu.parentOf(pid) !== null
    return { port, cpu: Effect.sync(() => (measured ? ProcessCpu.ofFamily(pid) : null)) }
  })
