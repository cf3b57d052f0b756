/**
 * Any program as an executor: the request on its stdin, events or plain text on its stdout.
 *
 * The program gets one JSON document on stdin, `{run_id, agent_id, conversation_id, attempt, lease_epoch, snapshot,
 * work_dir}`, and in its environment RUNLEASE_RUN_ID, RUNLEASE_AGENT_ID, RUNLEASE_CONVERSATION_ID, RUNLEASE_WORK_DIR,
 * RUNLEASE_ATTEMPT and RUNLEASE_PROMPT, the text of the last user message, where that is under
 * 64 KiB. It need not read any of them. Its stdout is read as fast as the log takes it; its stderr is logged.
 *
 * It runs without a shell, in a working folder of its own that is removed afterwards, and in a process group of its
 * own. When it exits, when the run is interrupted and when the worker dies, whatever it has started is ended:
 * TERM, then KILL. While the worker is stopped, it is ended with the lease. On Linux that includes children that made a
 * session of their own; `Guard` of @runlease/process says which processes are beyond reach. This takes a POSIX system with
 * /bin/sh.
 *
 * Its stdout and stderr are sockets, so a program writes to them by descriptor (`>&2`), not by path (`/dev/stderr`).
 *
 * @since 0.1.0
 */
import { Executor, type Run } from "@runlease/core"
import { Diagnostics, Environment, ProcessGroup, WorkDir } from "@runlease/process"
import { Duration, Effect, Fiber, Layer, Stream } from "effect"
import { resolve } from "node:path"
import * as Output from "./internal/Output.js"
import * as Request from "./internal/Request.js"

/**
 * Which program runs, and within what bounds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** A name to be found on PATH, or a path; a relative path is relative to the worker's folder. */
  readonly command: string
  /** Passed as they are. The program starts in its working folder, so paths are best absolute. Default: none. */
  readonly args?: ReadonlyArray<string>
  /** Which variables of the worker's environment the program sees. Default: `defaultPassEnv`. */
  readonly passEnv?: ReadonlyArray<string>
  /** Further variables. The values of Redacted ones are blotted out of logs and failure messages. */
  readonly env?: Environment.Extra
  /** The folder under which each run gets its working folder. Default: the system's temporary folder. */
  readonly workRoot?: string
  /**
   * How stdout reads: `events` is one AG-UI event a line, `text` is plain text, and in `auto` a line that is a JSON
   * object with a string `type` is an event and any other line is text. Default: `auto`.
   */
  readonly format?: Output.Format
  /** The longest line of stdout. Default: 1 MiB. */
  readonly maxLineBytes?: number
  /** The most that a run may write to stdout. Default: 64 MiB. */
  readonly maxOutputBytes?: number
  /** The grace between TERM and KILL. Default: 5 seconds. */
  readonly killAfter?: Duration.DurationInput
  /** Exit codes with which the run is handed back for another attempt. Default: 75, EX_TEMPFAIL. */
  readonly retryableExitCodes?: ReadonlyArray<number>
}

/**
 * Enough to find programs, a home, a locale and a time zone; nothing that is likely to be a secret.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultPassEnv: ReadonlyArray<string> = Environment.defaultNames

const mebibyte = 1024 * 1024

/** Why a program that ended this way has not done its run, or undefined when it has. */
const failureOf = (
  command: string,
  ending: ProcessGroup.Ending,
  retryableExitCodes: ReadonlyArray<number>,
  stderr: string,
): Executor.ExecutorError | undefined => {
  if (ending.code === 0) return undefined
  const [code, what] =
    ending.code === null
      ? [`signal_${ending.signal}`, `was ended by ${ending.signal}`]
      : [`exit_${ending.code}`, `exited with code ${ending.code}`]
  return new Executor.ExecutorError({
    code,
    message: `${command} ${what}${stderr === "" ? "" : `; the end of its stderr:\n${stderr}`}`,
    retryable: ending.code === null || retryableExitCodes.includes(ending.code),
  })
}

/**
 * An executor that runs a program for each run.
 *
 * Fails, as the executor: `exit_N` (retryable when listed), `signal_S` (retryable), `command_not_found`
 * and `command_not_executable` (handed back), `command_not_started`, `bad_event`, `output_line_too_long`, `output_too_large`, and
 * `work_dir_unavailable` and `guard_not_started` (retryable).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const inherited = yield* Environment.inherit(options.passEnv ?? defaultPassEnv)
  const { PATH: guardPath = "" } = yield* Environment.inherit(["PATH"])
  const extra = options.env ?? {}
  const env = { ...inherited, ...Environment.reveal(extra) }
  const secrets = Environment.secrets(extra)
  const command = options.command.includes("/") ? resolve(options.command) : options.command
  const killAfter = Duration.decode(options.killAfter ?? "5 seconds")
  const retryableExitCodes = options.retryableExitCodes ?? [75]

  const start = Effect.fn("CommandExecutor.start")(function* (run: Run.ClaimedRun) {
    const workDir = yield* WorkDir.newPath(options.workRoot)
    const program = yield* ProcessGroup.make({
      command,
      args: options.args ?? [],
      cwd: workDir,
      env: { ...env, ...Environment.ofRun(run, workDir) },
      input: yield* Request.encode(run, workDir),
      workDir,
      killAfter,
      guardPath,
    })
    const stderr = yield* Diagnostics.log(program.stderr, secrets).pipe(
      Effect.annotateLogs({ run_id: run.runId, agent_id: run.agentId }),
      Effect.forkScoped,
    )
    const outcome = Effect.gen(function* () {
      const ending = yield* program.ending
      const failure = failureOf(options.command, ending, retryableExitCodes, yield* Fiber.join(stderr))
      if (failure !== undefined) return yield* failure
    })
    return Output.events(program.stdout, {
      format: options.format ?? "auto",
      maxLineBytes: options.maxLineBytes ?? mebibyte,
      maxOutputBytes: options.maxOutputBytes ?? 64 * mebibyte,
      // Text of an earlier attempt has the id that the run was given, and an id names one message.
      messageId: run.latestSequence === 0 ? run.messageId : undefined,
    }).pipe(Stream.concat(Stream.execute(outcome)))
  })

  return Executor.Executor.of({ execute: (run) => Stream.unwrapScoped(start(run)) })
})

/**
 * The executor of a worker that runs a program for each run.
 *
 * ```ts
 * const agent = CommandExecutor.layer({ command: "printenv", args: ["RUNLEASE_PROMPT"] })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Executor.Executor> =>
  Layer.effect(Executor.Executor, make(options))
