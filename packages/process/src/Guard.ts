/**
 * The guard process, which ends the processes of a run.
 *
 * A guard is a small shell process in its own session. It reads a pipe from the worker and waits until the pipe closes, which
 * happens at the end of the run and at the death of the worker, even by SIGKILL. Then it ends every process of the run, and
 * exits when none is left. So the processes of a run always end in the same way. The guard also removes the working folder,
 * since a dead worker cannot.
 *
 * The guard enforces the deadline of the run's lease too. A stopped worker (SIGSTOP, a debugger, a machine that swaps) cannot
 * stop its run. The guard sends TERM when half of the worker's margin is left, and KILL when the lease ends.
 *
 * The processes of a run are those in the session or the process group of its program. On Linux they are also those with one
 * of its two marks: a variable in their environment, and a resource limit if util-linux's `prlimit` is installed. The
 * variable finds a child in its own session. The limit also finds a child that dropped its environment or wrote its title
 * over it. Out of reach are processes of another user, processes that change the limit of file locks, and processes that
 * drop their environment in the first milliseconds of the program, before the limit is set. Without /proc, the processes of
 * a run are those in the process group.
 *
 * A pid may be reused, so the guard signals a process only if its start time is the one that was found.
 *
 * Source: docs/decisions/0023-the-guard-holds-the-deadline.md
 */
import { Executor } from "@runlease/core"
import { type LeaseDeadline } from "@runlease/core/executor"
import { Deferred, Duration, Effect, Exit, type Scope } from "effect"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { script } from "./GuardScript.js"

/** The variable that marks the processes of a run for its guard. */
export const markName = "RUNLEASE_PROCESS_MARK"

/** A duration as the guard reads it, in whole hundredths of a second. */
const hundredths = (millis: number): string => String(Math.ceil(millis / 10))

/** The mark as a limit of file locks: above 2^48, which no other limit reaches. */
const limitOf = (mark: string): number =>
  2 ** 48 + Number.parseInt(createHash("sha256").update(mark).digest("hex").slice(0, 12), 16)

/** The start time of a process in the kernel's ticks. Empty without /proc. */
const startOf = (pid: number): string => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The program's name is in parentheses and may contain any character. The start is the 20th field after it.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? ""
  } catch {
    return ""
  }
}

export interface Guard {
  /** Sends the program's pid to the guard. Call it in the turn that spawns the program. */
  readonly watch: (pid: number) => void
  /** Replaces the deadline. `now` is an instant of the same clock. */
  readonly hold: (deadline: LeaseDeadline.Deadline, now: bigint) => void
  /** Ends the processes of the run. `gone` is done when none is left. */
  readonly end: () => void
  readonly gone: Deferred.Deferred<void>
}

export interface Options {
  /** The value of the variable that marks the run's processes. It also covers all marks that begin with it. */
  readonly mark: string
  readonly killAfter: Duration.Duration
  /** A folder to remove once no process is left. */
  readonly removes?: string | undefined
  /** The PATH for the programs of the guard. */
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
      let leader: number | undefined
      const child = spawn(
        "/bin/sh",
        [
          "-c",
          script,
          "runlease-guard",
          `${markName}=${options.mark.replaceAll(".", "[.]")}`,
          String(limitOf(options.mark)),
          hundredths(Duration.toMillis(options.killAfter)),
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
      // A killed guard leaves its run unguarded, so the run must end too.
      child.on("exit", (code) => {
        if (code !== 0 && leader !== undefined) killGroup(leader)
        Deferred.unsafeDone(gone, Exit.void)
      })
      // Writing to a guard that has exited fails, which does not matter.
      child.stdin?.on("error", () => {})
      return {
        watch: (pid: number) => {
          leader = pid
          child.stdin?.write(`pid ${pid} ${startOf(pid)}\n`)
        },
        hold: ({ endsAt, stopsAt }: LeaseDeadline.Deadline, now: bigint) => {
          if (!child.stdin?.writable) return
          // A running worker stops its run at `stopsAt`, and has half of the margin for that.
          const halfMillis = Number(endsAt - stopsAt) / 2e6
          const leftMillis = Math.max(0, Number(endsAt - now) / 1e6 - halfMillis)
          // The other half of that is left for KILL.
          child.stdin.write(`lease ${(leftMillis / 1000).toFixed(3)} ${hundredths(halfMillis / 2)}\n`)
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
 * A guard that ends its run when the Scope closes, and waits until no process is left. A guard without a program ends the
 * processes with the mark, if there is a /proc: those of a run whose worker and guard are both dead.
 */
export const make = (options: Options): Effect.Effect<Guard, Executor.ExecutorError, Scope.Scope> =>
  Effect.acquireRelease(start(options), (guard) =>
    Effect.zipRight(Effect.sync(guard.end), Deferred.await(guard.gone)),
  )
