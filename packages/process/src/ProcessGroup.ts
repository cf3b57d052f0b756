/** Runs a program as the leader of a process group, under a guard that ends the whole group. */
import { Executor, Ids } from "@runlease/core"
import { LeaseDeadline } from "@runlease/core/executor"
import { Deferred, type Duration, Effect, Exit, type Scope, type Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import type { Writable } from "node:stream"
import * as Guard from "./Guard.js"
import * as MemoryLimit from "./MemoryLimit.js"
import * as Pipe from "./Pipe.js"
import * as WorkDir from "./WorkDir.js"

/** The program to start, and the folder to remove at its end. */
export interface Options {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** The working folder of the program. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** The whole stdin of the program. When absent, stdin stays open for `write`. */
  readonly input?: string | undefined
  /** A folder to create before the program starts, and to remove once no process is left. */
  readonly workDir?: string | undefined
  /** The most private memory of each of its processes, in bytes. There is no limit when absent. */
  readonly maxMemoryBytes?: number | undefined
  /** The grace between TERM and KILL. */
  readonly killAfter: Duration.Duration
  /** The PATH for the programs of the guard. */
  readonly guardPath: string
  /** The mark of its processes. A group whose mark begins with this one ends together with it. Default: a new UUID. */
  readonly mark?: string | undefined
}

/** How a program ended: with an exit code or by a signal. One of them is not null. */
export interface Ending {
  readonly code: number | null
  readonly signal: string | null
}

/** A running program. */
export interface ProcessGroup {
  /** The pid of the program, which leads the group. */
  readonly pid: number
  readonly stdout: Stream.Stream<Uint8Array>
  readonly stderr: Stream.Stream<Uint8Array>
  readonly ending: Effect.Effect<Ending>
  /** Writes to stdin and waits until the system has accepted it. Data for a closed stdin is dropped. */
  readonly write: (text: string) => Effect.Effect<void>
  readonly endInput: Effect.Effect<void>
  /** Ends the processes of the group, as the Scope does, but without waiting for them. */
  readonly end: Effect.Effect<void>
}

const busy = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM", "ETXTBSY"])

const notStarted = (command: string, cause: unknown): Executor.ExecutorError => {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown"
  const failure = (
    name: string,
    advice: string,
    more: { readonly retryable?: boolean; readonly handBack?: boolean } = {},
  ) =>
    new Executor.ExecutorError({
      code: name,
      message: `Cannot start ${JSON.stringify(command)} (${code}): ${advice}`,
      ...more,
      cause,
    })
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return failure(
        "command_not_found",
        "check that it is installed, that its folder is on PATH, and that PATH is among the variables passed; for a script, check its #! line",
        { handBack: true },
      )
    case "EACCES":
    case "EPERM":
      return failure(
        "command_not_executable",
        "check that it is a file, that it is executable (chmod +x), and that the user of the worker may run it",
        { handBack: true },
      )
    default:
      return busy.has(code)
        ? failure("command_not_started", "the system is out of a resource for now", { retryable: true })
        : failure("command_not_started", "check its arguments and its environment")
  }
}

const write = (stdin: Writable, text: string): Effect.Effect<void> =>
  Effect.async((resume) => void stdin.write(text, () => resume(Effect.void)))

const usableCodes = { not_found: "ENOENT", not_executable: "EACCES" } as const

/** The program as it is started: itself, or itself under its limit. */
const limited = ({ args, command, env, maxMemoryBytes }: Options) =>
  maxMemoryBytes === undefined
    ? Effect.succeed({ command, args })
    : Effect.mapError(MemoryLimit.apply({ args, command }, maxMemoryBytes, env["PATH"]), ({ reason }) =>
        notStarted(command, { code: usableCodes[reason] }),
      )

const start = (options: Options, mark: string, guard: Guard.Guard) =>
  Effect.gen(function* () {
    const started = yield* Deferred.make<readonly [ChildProcess, ProcessGroup], Executor.ExecutorError>()
    const ended = yield* Deferred.make<Ending>()
    const { args, command } = yield* limited(options)
    const fail = (cause: unknown) =>
      Deferred.unsafeDone(started, Exit.fail(notStarted(options.command, cause)))
    yield* Effect.try({
      try: () => {
        const child = spawn(command, args, {
          cwd: options.cwd,
          detached: true,
          env: { ...options.env, [Guard.markName]: mark },
          stdio: "pipe",
        })
        child.on("error", fail)
        // Without a pid there is no child and no pipe. The error event follows.
        if (child.pid === undefined) return
        guard.watch(child.pid)
        const group: ProcessGroup = {
          pid: child.pid,
          stdout: Pipe.read(child.stdout, guard.gone),
          stderr: Pipe.read(child.stderr, guard.gone),
          ending: Deferred.await(ended),
          write: (text) => write(child.stdin, text),
          endInput: Effect.sync(() => void child.stdin.end()),
          end: Effect.sync(guard.end),
        }
        child.on("spawn", () => Deferred.unsafeDone(started, Exit.succeed([child, group])))
        child.on("exit", (code, signal) => {
          guard.end()
          Deferred.unsafeDone(ended, Exit.succeed({ code, signal }))
        })
        // A program need not read its stdin, and may close it.
        child.stdin.on("error", () => {})
        if (options.input !== undefined) child.stdin.end(options.input)
      },
      catch: (cause) => notStarted(options.command, cause),
    })
    return yield* Deferred.await(started)
  })

/**
 * Starts a program. When the Scope closes, its processes get TERM, then KILL after `killAfter`, and the Scope waits until
 * none is left. When the program exits, its remaining processes end in the same way. In a worker the program also ends with
 * the lease of its run, even while the worker is stopped.
 *
 * Fails: `command_not_found` and `command_not_executable`, which hand the run back, `command_not_started`,
 * `guard_not_started`, `work_dir_unavailable`.
 */
export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<ProcessGroup, Executor.ExecutorError, Scope.Scope> {
  const mark = options.mark ?? (yield* Ids.uuidV7)
  const guard = yield* Guard.make({
    mark,
    killAfter: options.killAfter,
    removes: options.workDir,
    path: options.guardPath,
  })
  // The guard starts first, so that it removes the folder even if the worker is killed right after creating it.
  if (options.workDir !== undefined) yield* WorkDir.create(options.workDir)
  const { follow } = yield* LeaseDeadline.LeaseDeadline
  const clock = yield* Effect.clock
  yield* Effect.acquireRelease(
    Effect.sync(() => follow((deadline) => guard.hold(deadline, clock.unsafeCurrentTimeNanos()))),
    (unfollow) => Effect.sync(unfollow),
  )
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
