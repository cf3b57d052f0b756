/** A program that runs as the leader of a process group, under a guard that ends them all. */
import { Executor, Ids } from "@runlease/core"
import { Deferred, type Duration, Effect, Exit, type Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as Guard from "./Guard.js"
import * as Pipe from "./Pipe.js"

export interface Options {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** The folder that the program starts in, and that is removed after it. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** All that the program reads from its stdin. */
  readonly input: string
  readonly killAfter: Duration.Duration
  readonly guardPath: string
}

/** How a program ended: with a code of its own, or by a signal; one of them is not null. */
export interface Ending {
  readonly code: number | null
  readonly signal: string | null
}

interface ProcessGroup {
  readonly stdout: Stream.Stream<Uint8Array>
  readonly stderr: Stream.Stream<Uint8Array>
  readonly ending: Effect.Effect<Ending>
}

const busy = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM", "ETXTBSY"])

const notStarted = (command: string, cause: unknown): Executor.ExecutorError => {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown"
  const failure = (name: string, advice: string, retryable = false) =>
    new Executor.ExecutorError({
      code: name,
      message: `Cannot start ${JSON.stringify(command)} (${code}): ${advice}`,
      retryable,
      cause,
    })
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return failure(
        "command_not_found",
        "check that it is installed, that its folder is on PATH, and that PATH is among the variables passed; for a script, check its #! line",
      )
    case "EACCES":
    case "EPERM":
      return failure(
        "command_not_executable",
        "check that it is a file, that it is executable (chmod +x), and that the user of the worker may run it",
      )
    default:
      return busy.has(code)
        ? failure("command_not_started", "the system is out of a resource for now", true)
        : failure("command_not_started", "check its arguments and its environment")
  }
}

/** The variable that marks the processes of a run for its guard. */
const markName = "RUNLEASE_PROCESS_MARK"

const start = (options: Options, mark: string, guard: Guard.Guard) =>
  Effect.gen(function* () {
    const started = yield* Deferred.make<readonly [ChildProcess, ProcessGroup], Executor.ExecutorError>()
    const ended = yield* Deferred.make<Ending>()
    const fail = (cause: unknown) =>
      Deferred.unsafeDone(started, Exit.fail(notStarted(options.command, cause)))
    yield* Effect.try({
      try: () => {
        const child = spawn(options.command, options.args, {
          cwd: options.cwd,
          detached: true,
          env: { ...options.env, [markName]: mark },
          stdio: "pipe",
        })
        child.on("error", fail)
        // Without a pid there is no child and there are no pipes, only the error to come.
        if (child.pid === undefined) return
        guard.watch(child.pid)
        const group: ProcessGroup = {
          stdout: Pipe.read(child.stdout, guard.gone),
          stderr: Pipe.read(child.stderr, guard.gone),
          ending: Deferred.await(ended),
        }
        child.on("spawn", () => Deferred.unsafeDone(started, Exit.succeed([child, group])))
        child.on("exit", (code, signal) => {
          guard.end()
          Deferred.unsafeDone(ended, Exit.succeed({ code, signal }))
        })
        // A program need not read its stdin, and may close it.
        child.stdin.on("error", () => {})
        child.stdin.end(options.input)
      },
      catch: (cause) => notStarted(options.command, cause),
    })
    return yield* Deferred.await(started)
  })

/**
 * Starts a program. When the scope closes, its processes get TERM, then KILL after `killAfter`, and the scope waits
 * until none is left; the same happens as soon as the program exits, for those that it left behind.
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const mark = yield* Ids.uuidV7
  const guard = yield* Guard.make({
    mark: `${markName}=${mark}`,
    killAfter: options.killAfter,
    folder: options.cwd,
    path: options.guardPath,
  })
  const [, group] = yield* Effect.acquireRelease(start(options, mark, guard), ([child]) =>
    Effect.sync(guard.end).pipe(
      Effect.zipRight(Deferred.await(guard.gone)),
      Effect.zipRight(
        Effect.sync(() => {
          for (const pipe of child.stdio) pipe?.destroy()
        }),
      ),
    ),
  )
  return group
})
