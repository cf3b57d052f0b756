/**
 * The process that ends what a run has started.
 *
 * A guard is a small shell process in a session of its own. It holds a pipe from the worker and does nothing
 * until that pipe closes: because the run is over, or because the worker has died, of SIGKILL even. Then it
 * ends every process of the run, and exits when none is left. So there is one way in which the processes of a run
 * end, whatever happened. The working folder goes with them, since a dead worker cannot remove it.
 *
 * The guard holds the deadline of the run's lease too. A worker that is stopped (SIGSTOP, a debugger, a machine that swaps)
 * cannot stop its run; the guard sends TERM when half of the worker's margin is left, and KILL when the lease ends.
 *
 * The processes of a run are those in the session or the process group of its program and, on Linux, those that
 * carry one of its two marks: a variable in their environment, and, where util-linux's `prlimit` is installed, a resource
 * limit. The variable finds a child that made a session of its own; the limit finds one that dropped its environment or
 * wrote its title over it as well. Beyond reach are processes that run as another user, that change the limit
 * of file locks, and that dropped their environment before the limit was set, in the first milliseconds of the program.
 * Where there is no /proc, the processes of a run are those in the process group.
 *
 * No process is sent a signal for its pid alone: it must have started when the process did that was found.
 *
 * Source: docs/decisions/0023-the-guard-holds-the-deadline.md
 *
 * @since 0.1.0
 */
import { Executor, type LeaseDeadline } from "@runlease/core"
import { Deferred, Duration, Effect, Exit, type Scope } from "effect"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { script, tickMillis } from "./GuardScript.js"

/**
 * The variable that marks the processes of a run for its guard.
 *
 * @since 0.1.0
 * @category constants
 */
export const markName = "RUNLEASE_PROCESS_MARK"

/** How long a tick may take on a busy machine, with its two looks. */
const slowTickMillis = 2 * tickMillis

/** A mark as a limit of file locks: 48 bits, more than any limit in use. */
const limitOf = (mark: string): number =>
  2 ** 48 + Number.parseInt(createHash("sha256").update(mark).digest("hex").slice(0, 12), 16)

/** When a process started, in the kernel's own count; empty where there is no /proc. */
const startOf = (pid: number): string => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name of the program, in parentheses, may hold anything; the start is the 20th field after it.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? ""
  } catch {
    return ""
  }
}

export interface Guard {
  /** Names the program's pid; call it in the turn in which the program is spawned. */
  readonly watch: (pid: number) => void
  /** Holds this deadline instead of the one before; `now` is an instant of the same clock. */
  readonly hold: (deadline: LeaseDeadline.Deadline, now: bigint) => void
  /** Ends the processes of the run; `gone` is done when none is left. */
  readonly end: () => void
  readonly gone: Deferred.Deferred<void>
}

export interface Options {
  /** The value of the variable that marks the run's processes. Processes whose mark begins with it are its own too. */
  readonly mark: string
  readonly killAfter: Duration.Duration
  /** A folder that is removed once no process is left. */
  readonly removes?: string | undefined
  /** Where the guard finds the programs that it uses. */
  readonly path: string
}

const killGroup = (pid: number): void => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // The group is empty.
  }
}

const start = (options: Options): Effect.Effect<Guard, Executor.ExecutorError> =>
  Effect.gen(function* () {
    const started = yield* Deferred.make<void, Executor.ExecutorError>()
    const gone = yield* Deferred.make<void>()
    const failed = (cause: unknown) =>
      new Executor.ExecutorError({
        code: "guard_not_started",
        message: "Cannot start /bin/sh, which ends the processes of a run: check that it is installed",
        retryable: true,
        cause,
      })
    const run = () => {
      const grace = Math.ceil(Duration.toMillis(options.killAfter) / tickMillis)
      let leader: number | undefined
      const child = spawn(
        "/bin/sh",
        [
          "-c",
          script,
          "runlease-guard",
          `${markName}=${options.mark.replaceAll(".", "[.]")}`,
          String(limitOf(options.mark)),
          String(grace),
          options.removes ?? "",
        ],
        {
          cwd: "/",
          detached: true,
          env: { PATH: `${options.path}:/usr/bin:/bin` },
          stdio: ["pipe", "ignore", "ignore"],
        },
      )
      child.on("spawn", () => Deferred.unsafeDone(started, Exit.void))
      child.on("error", (cause) => {
        Deferred.unsafeDone(started, Exit.fail(failed(cause)))
        Deferred.unsafeDone(gone, Exit.void)
      })
      // A guard that was killed itself leaves its run unguarded, so the run goes down with it.
      child.on("exit", (code) => {
        if (code !== 0 && leader !== undefined) killGroup(leader)
        Deferred.unsafeDone(gone, Exit.void)
      })
      // A guard that is gone cannot be written to, and needs nothing.
      child.stdin?.on("error", () => {})
      return {
        watch: (pid: number) => {
          leader = pid
          child.stdin?.write(`pid ${pid} ${startOf(pid)}\n`)
        },
        hold: ({ endsAt, stopsAt }: LeaseDeadline.Deadline, now: bigint) => {
          if (!child.stdin?.writable) return
          // A worker that lives stops its run at `stopsAt`; from there on half of the time is its own.
          const halfMillis = Number(endsAt - stopsAt) / 2e6
          const leftMillis = Math.max(0, Number(endsAt - now) / 1e6 - halfMillis)
          const ticks = Math.max(1, Math.floor(halfMillis / slowTickMillis))
          child.stdin.write(`lease ${(leftMillis / 1000).toFixed(3)} ${ticks}\n`)
        },
        end: () => void child.stdin?.end(),
        gone,
      }
    }
    const guard = yield* Effect.try({ try: run, catch: failed })
    yield* Deferred.await(started)
    return guard
  })

/**
 * A guard that ends its run, and waits until that is done, when the scope closes. One that watches no program ends
 * what carries the mark, where there is a /proc: what a run left behind whose worker and guard are both gone.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Guard, Executor.ExecutorError, Scope.Scope> =>
  Effect.acquireRelease(start(options), (guard) =>
    Effect.zipRight(Effect.sync(guard.end), Deferred.await(guard.gone)),
  )
