/**
 * Starts a PostgreSQL server. It ends with the Scope, and with the process even if that is killed.
 */
import { Data, Effect, Fiber, Schedule, type Scope } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as readline from "node:readline"
import { promisify } from "node:util"
import * as Binaries from "./Binaries.js"
import { freePort } from "./FreePort.js"

/** The server did not start. `output`: the end of its stderr. */
export class ServerNotStarted extends Data.TaggedError("ServerNotStarted")<{ readonly output: string }> {
  override get message() {
    return `PostgreSQL did not start: ${this.output}`
  }
}

/**
 * `fsync`: default false, which survives a kill of the server but no loss of power. `settings`: further settings, such as
 * `["max_connections=20"]`. `parent`: where its folder is made; in memory when absent, if there is room, else in the system's
 * temporary folder.
 */
export interface Options {
  readonly fsync?: boolean | undefined
  readonly settings?: ReadonlyArray<string> | undefined
  readonly parent?: string | undefined
}

export interface TestServer {
  /** The database `postgres`, as a superuser. */
  readonly url: string
  readonly port: number
  /** Starts the server again after it was killed, on the same port. */
  readonly start: Effect.Effect<void, ServerNotStarted>
  /** Starts it again in a recovery, which refuses connections until `finish`. `ready` waits until it accepts them. */
  readonly recover: Effect.Effect<
    { readonly finish: Effect.Effect<void>; readonly ready: Effect.Effect<void, ServerNotStarted> },
    never,
    Scope.Scope
  >
  /** Sends a signal to the server and waits for its end. SIGINT is a fast, clean shutdown. */
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/**
 * Runs the server until it ends. The end of this script's input means that the process that started it is dead: then the
 * script ends the server and removes its folders.
 */
const guard = `
folder=$1; programs=$2; shift 2
exec 3<&0
"$@" 3<&- </dev/null & server=$!
{ cat <&3 >/dev/null; touch "$folder/closed"; kill -INT "$server"; } & watch=$!
echo "$server"
wait "$server"; code=$?
if [ -e "$folder/closed" ]; then wait "$watch"; rm -rf "$folder" "$programs"; else kill "$watch"; fi
exit "$code"
`

/** Files in memory on Linux. Each test creates a database, which is hundreds of files: on a disk that takes most of its time. */
const memory = "/dev/shm"

/** The room of a server in memory; containers often have 64 MiB. */
const minMemory = 4 * 1024 ** 3

const fastest = (): string => {
  try {
    const { bavail, bsize } = fs.statfsSync(memory)
    return bavail * bsize >= minMemory ? memory : os.tmpdir()
  } catch {
    return os.tmpdir()
  }
}

/** A folder that the user `as` owns and can reach. The Scope removes it. */
const makeFolder = (as: Binaries.Runner, parent: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = fs.mkdtempSync(path.join(fs.realpathSync(parent), "runlease-postgres-"))
      fs.chmodSync(folder, 0o755)
      if (as.uid !== undefined && as.gid !== undefined) fs.chownSync(folder, as.uid, as.gid)
      return folder
    }),
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })),
  )

const environment = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" }

const initialise = (bin: string, data: string, as: Binaries.Runner) =>
  Effect.tryPromise({
    try: () =>
      promisify(execFile)(
        path.join(bin, "initdb"),
        [
          `--pgdata=${data}`,
          "--auth=trust",
          "--username=postgres",
          "--encoding=UTF8",
          "--locale=C",
          "--no-sync",
        ],
        { ...as, cwd: "/", env: environment },
      ),
    catch: (error) => new ServerNotStarted({ output: String(error) }),
  })

/** Creates a cluster and starts its server. */
export const make = (options: Options = {}): Effect.Effect<TestServer, ServerNotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const as = yield* Binaries.runner
    let running: { readonly guard: ChildProcess; readonly pid: number } | undefined
    // Files in memory may be none that can be executed.
    const programs = yield* makeFolder(as, options.parent ?? os.tmpdir())
    const folder = yield* makeFolder(as, options.parent ?? fastest())
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        if (running === undefined) return
        const gone = once(running.guard, "exit")
        running.guard.stdin?.end()
        await gone
      }),
    )
    const bin = yield* Binaries.find(programs, as)
    const data = path.join(folder, "data")
    yield* initialise(bin, data, as)

    const startOn = (port: number, more: ReadonlyArray<string> = []): Effect.Effect<void, ServerNotStarted> =>
      Effect.async((resume) => {
        const settings = [
          `port=${port}`,
          "listen_addresses=127.0.0.1",
          "unix_socket_directories=",
          "max_connections=300",
          "max_wal_size=1GB",
          ...(options.fsync === true ? [] : ["fsync=off", "full_page_writes=off"]),
          ...(options.settings ?? []),
          ...more,
        ]
        const child = spawn(
          "sh",
          [
            "-c",
            guard,
            "sh",
            folder,
            programs,
            path.join(bin, "postgres"),
            "-D",
            data,
            ...settings.flatMap((each) => ["-c", each]),
          ],
          { ...as, cwd: "/", env: environment, detached: true, stdio: ["pipe", "pipe", "pipe"] },
        )
        const lines: Array<string> = []
        let pid = 0
        readline.createInterface(child.stdout).on("line", (line) => {
          pid = Number(line)
        })
        readline.createInterface(child.stderr).on("line", (line) => {
          lines.push(line)
          lines.splice(0, lines.length - 20)
          if (line.includes("ready to accept connections")) {
            running = { guard: child, pid }
            resume(Effect.void)
          }
        })
        child.once("exit", () => {
          if (running?.guard === child) running = undefined
          resume(new ServerNotStarted({ output: lines.join("\n") }))
        })
      })

    // Another process may take the port before the server does.
    const port = yield* Effect.retry(
      Effect.flatMap(freePort, (free) => Effect.as(startOn(free), free)),
      Schedule.recurs(4),
    )
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      port,
      start: startOn(port),
      recover: Effect.gen(function* () {
        const finished = path.join(folder, "finished")
        // The server runs this command to get the archived log, and stays in recovery until the command fails.
        const restore = `while [ ! -e ${finished} ]; do sleep 0.05; done; false`
        fs.rmSync(finished, { force: true })
        fs.writeFileSync(path.join(data, "recovery.signal"), "")
        const starting = yield* Effect.forkScoped(
          startOn(port, ["hot_standby=off", `restore_command=${restore}`]),
        )
        return {
          finish: Effect.sync(() => fs.writeFileSync(finished, "")),
          ready: Fiber.join(starting),
        }
      }),
      kill: (signal) =>
        Effect.promise(async () => {
          if (running === undefined) return
          const gone = once(running.guard, "exit")
          try {
            process.kill(running.pid, signal)
          } catch (error) {
            // It has ended by itself just now.
            if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
          }
          await gone
        }),
    }
  })
