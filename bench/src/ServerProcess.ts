/** Servers that this benchmark starts but does not run: Redis and Restate. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as ProcessCpu from "./ProcessCpu.js"

export interface ServerProcess {
  /** Microseconds of CPU so far. Null on a machine without /proc. */
  readonly cpu: Effect.Effect<number | null>
}

const exited = (server: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (server.exitCode !== null) resolve()
    server.once("exit", () => resolve())
    server.kill("SIGKILL")
  })

/** Starts a program and waits until it is up. The Scope kills it. */
export const start = (options: {
  readonly program: string
  readonly flags: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly isUp: () => Promise<boolean>
}): Effect.Effect<ServerProcess, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { pid } = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(options.program, options.flags, { stdio: "ignore", env: { ...process.env, ...options.env } }),
      ),
      (started) => Effect.promise(() => exited(started)),
    )
    yield* Effect.repeat(Effect.delay(Effect.promise(options.isUp), "20 millis"), { until: (up) => up })
    const measured = pid !== undefined && ProcessCpu.parentOf(pid) !== null
    return { cpu: Effect.sync(() => (measured ? ProcessCpu.ofFamily(pid) : null)) }
  })
