/**
 * The process that ends what a run has started.
 *
 * A guard is a small shell process in a session of its own. It holds a pipe from the worker and does nothing
 * until that pipe closes: because the run is over, or because the worker has died, of SIGKILL even. Then it
 * ends every process of the run, and exits when none is left. So there is one way in which the processes of a run
 * end, whatever happened. The working folder goes with them, since a dead worker cannot remove it.
 *
 * The processes of a run are those in the session or the process group of its program and, on Linux, those that
 * carry the run's mark in their environment, which finds a child that made a session of its own. One that made a
 * session and dropped its environment too, or that runs as another user, is beyond reach. Where there is no
 * /proc, they are those in the process group.
 *
 * @since 0.1.0
 */
import { Executor } from "@runlease/core"
import { Deferred, Duration, Effect, Exit, type Scope } from "effect"
import { spawn } from "node:child_process"

const tickMillis = 50

/**
 * The variable that marks the processes of a run for its guard.
 *
 * @since 0.1.0
 * @category constants
 */
export const markName = "RUNLEASE_PROCESS_MARK"

/** How long the guard goes on sending KILL before it gives up on processes that the kernel does not end. */
const killTicks = 40

/**
 * $1 the mark, $2 the ticks of grace between TERM and KILL, $3 a folder to remove, or empty. The one line on stdin is the pid of
 * the program, which leads its session and its group. A zombie counts as gone: in a container nobody may ever
 * collect it. One look that finds nothing may have missed a process that forked and exited meanwhile, so it takes two.
 */
const script = `
trap '' HUP INT TERM
mark=$1 grace=$2 folder=$3 leader= tick=0
while read -r pid; do leader=$pid; done
scan() {
  if [ -r /proc/self/stat ]; then
    {
      cat /proc/[0-9]*/stat | awk -v leader="$leader" '
        { pid = $1; sub(/^.*[)] /, "") }
        $1 != "Z" && leader != "" && ($3 == leader || $4 == leader) { print pid }'
      grep -ls "$mark" /proc/[0-9]*/environ | sed 's/[^0-9]//g'
    } | sort -u
  elif [ -n "$leader" ] && kill -0 -- "-$leader"; then
    echo "-$leader"
  fi
}
alive() {
  pids=$(scan)
  [ -n "$pids" ] || pids=$(scan)
  [ -n "$pids" ]
}
while alive && [ "$tick" -lt $((grace + ${killTicks})) ]; do
  if [ "$tick" -ge "$grace" ]; then
    kill -s KILL -- \${leader:+"-$leader"} $pids
  elif [ "$tick" -eq 0 ]; then
    kill -s TERM -- $pids
  fi
  sleep ${tickMillis / 1000}
  tick=$((tick + 1))
done
[ -z "$folder" ] || rm -rf -- "$folder"
`

export interface Guard {
  /** Names the program's pid; call it in the turn in which the program is spawned. */
  readonly watch: (pid: number) => void
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
        ["-c", script, "runlease-guard", `${markName}=${options.mark}`, String(grace), options.removes ?? ""],
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
          child.stdin?.write(`${pid}\n`)
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
