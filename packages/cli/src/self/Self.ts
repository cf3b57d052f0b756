/**
 * This same program, started with other arguments.
 *
 * A guard of `@runlease/process` watches each process, and ends it when this one ends, even by SIGKILL.
 */
import type { Executor } from "@runlease/core"
import { ProcessGroup } from "@runlease/process"
import { type Duration, Effect, Redacted, type Scope, Stream } from "effect"

/** The environment of this process without the settings of Runlease, which name other servers. */
const inherited = Effect.sync(() =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || name.startsWith("RUNLEASE_") ? [] : [[name, value]],
    ),
  ),
)

/** How a person runs this command again: a package runner says of itself what it runs; the command of a project or of a clone is not on the PATH. */
export const invocation = Effect.sync(() => {
  const { npm_command, npm_lifecycle_event, npm_package_name } = process.env
  if (npm_package_name === "runlease-workspace") return "npx pnpm@10 runlease"
  if (npm_command === "exec" && npm_lifecycle_event === "npx") return "npx @runlease/cli"
  // npm names the command `run-script` or `run`, by its version.
  return npm_command?.startsWith("run") === true ? "npx runlease" : "runlease"
})

export interface Start {
  readonly args: ReadonlyArray<string>
  readonly apiKey: Redacted.Redacted
  /** A folder that is made for the process and removed after it. */
  readonly workDir?: string | undefined
  /** The time between TERM and KILL. */
  readonly killAfter: Duration.Duration
}

/** The process, and the lines that it writes. Its stderr is that of this process. */
export interface Started {
  readonly group: ProcessGroup.ProcessGroup
  readonly lines: Stream.Stream<string>
}

/** Starts the program. Closing the Scope ends it. */
export const start = Effect.fnUntraced(function* (
  options: Start,
): Effect.fn.Return<Started, Executor.ExecutorError, Scope.Scope> {
  const env = yield* inherited
  const group = yield* ProcessGroup.make({
    command: process.execPath,
    args: [...process.execArgv, process.argv[1]!, ...options.args],
    cwd: process.cwd(),
    env: { ...env, RUNLEASE_API_KEY: Redacted.value(options.apiKey) },
    input: "",
    workDir: options.workDir,
    killAfter: options.killAfter,
    guardPath: env["PATH"] ?? "",
  })
  yield* group.stderr.pipe(
    Stream.runForEach((bytes) => Effect.sync(() => void process.stderr.write(bytes))),
    Effect.forkScoped,
  )
  return { group, lines: group.stdout.pipe(Stream.decodeText(), Stream.splitLines) }
})
