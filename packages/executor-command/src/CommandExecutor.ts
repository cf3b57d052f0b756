/**
 * Runs any program as an executor. The program reads the request from stdin and writes events or plain text to stdout.
 *
 * The program gets one JSON document on stdin: `{run_id, agent_id, conversation_id, attempt, lease_epoch, snapshot,
 * work_dir, steps}`. Its environment has RUNLEASE_RUN_ID, RUNLEASE_AGENT_ID, RUNLEASE_CONVERSATION_ID, RUNLEASE_WORK_DIR,
 * RUNLEASE_ATTEMPT and RUNLEASE_PROMPT, the text of the last user message if that is under 64 KiB, and TRACEPARENT, the span that it is
 * in, where there is one. With `runToken` it also has RUNLEASE_URL, RUNLEASE_TOKEN and RUNLEASE_WORKER_ID. The program need not read any of
 * them. The executor reads stdout as fast as the log accepts events, and logs stderr.
 *
 * A program records a step with a line of stdout, `{"type":"CUSTOM","name":"runlease.step","value":{"name","key"?,"result"}}`. A later
 * attempt finds it in `steps`, as `{name, key?, result}` in the order of the log. Steps over 8 MiB of JSON are in the file `steps_file`
 * instead, one on each line (docs/steps-of-a-program.md).
 *
 * The program runs without a shell, in its own process group and its own working folder, which is removed afterwards. When
 * the program exits, the run is interrupted or the worker dies, all of its processes get TERM, and KILL after that. While the
 * worker is stopped, they end with the lease. On Linux this includes children in their own session. `Guard` of
 * @runlease/process lists the processes that are out of reach. The executor requires a POSIX system with /bin/sh.
 *
 * Stdout and stderr are sockets, so a program writes to them by descriptor (`>&2`), not by path (`/dev/stderr`).
 */
import { Executor, type Run, type Step, TraceContext } from "@runlease/core"
import { ReportedSteps } from "@runlease/core/executor"
import { Diagnostics, Environment, ProcessGroup, WorkDir } from "@runlease/process"
import { Duration, Effect, Fiber, Layer, Stream } from "effect"
import { resolve } from "node:path"
import * as Input from "./internal/Input.js"
import * as Messages from "./internal/Messages.js"
import * as Output from "./internal/Output.js"
import * as Request from "./internal/Request.js"

/** The program, its environment, and the limits of its output. */
export interface Options {
  /** A name on PATH, or a path. A relative path starts at the worker's folder. */
  readonly command: string
  /** Passed unchanged. The program starts in its working folder, so use absolute paths. Default: none. */
  readonly args?: ReadonlyArray<string>
  /** The variables of the worker's environment that the program gets. Default: `defaultPassEnv`. */
  readonly passEnv?: ReadonlyArray<string>
  /** Further variables. Logs and failure messages do not show Redacted values. */
  readonly env?: Environment.Extra
  /**
   * Passes a token to the program, with which it may append to its run, send it messages and spawn children of it over HTTP, for as long as the
   * worker holds the run (docs/steps-of-a-program.md). Needs a worker that has its runs from a server. Default: false.
   */
  readonly runToken?: boolean
  /** The folder for the working folders of runs. Default: the system's temporary folder. */
  readonly workRoot?: string
  /**
   * The format of stdout. `events`: one AG-UI event per line. `text`: plain text. `auto`: a line that is a JSON object with a
   * string `type` is an event, and any other line is text. Default: `auto`.
   */
  readonly format?: Output.Format
  /**
   * `document`: stdin has the request and ends. `lines`: the request is the first line of stdin, which stays open. A line
   * `{"type":"runlease.recorded","name","key"?}` follows for each step of the program once its record is in the log, and a line
   * `{"type":"runlease.message","number","message_id","parts"}` for each message to the run. Default: `document`.
   */
  readonly stdin?: Input.Mode
  /** The longest line of stdout. Default: 1 MiB. */
  readonly maxLineBytes?: number
  /** The most bytes that a run may write to stdout. Default: 64 MiB. */
  readonly maxOutputBytes?: number
  /**
   * The most private memory of each process of the program, in bytes: what it may write to, without what processes share. Linux
   * holds it; other systems may not. Default: no limit.
   */
  readonly maxMemoryBytes?: number
  /** The grace between TERM and KILL. Default: 5 seconds. */
  readonly killAfter?: Duration.DurationInput
  /** The exit codes that lead to another attempt. Default: 75, EX_TEMPFAIL. */
  readonly retryableExitCodes?: ReadonlyArray<number>
}

/** Variables for programs, the home folder, the locale and the time zone. None of them usually holds a secret. */
export const defaultPassEnv: ReadonlyArray<string> = Environment.defaultNames

const mebibyte = 1024 * 1024

const failureOfStep = ({ code, message, retryable }: Step.StepError): Executor.ExecutorError =>
  new Executor.ExecutorError({ code, message, retryable })

/** The failure of a run whose program ended this way. Undefined for exit code 0. */
const failureOf = (
  command: string,
  ending: ProcessGroup.Ending,
  retryableExitCodes: ReadonlyArray<number>,
  stderr: string,
): Executor.ExecutorError | undefined => {
  if (ending.code === 0) return undefined
  const [code, summary] =
    ending.code === null
      ? [`signal_${ending.signal}`, `was ended by ${ending.signal}`]
      : [`exit_${ending.code}`, `exited with code ${ending.code}`]
  return new Executor.ExecutorError({
    code,
    message: `${command} ${summary}${stderr === "" ? "" : `; the end of its stderr:\n${stderr}`}`,
    retryable: ending.code === null || retryableExitCodes.includes(ending.code),
  })
}

/**
 * An executor that starts a program for each run.
 *
 * Its runs fail with these codes. `command_not_found`, `command_not_executable` and `run_token_unavailable` hand the run back. Retryable: `exit_N` if
 * N is listed, `signal_S`, `work_dir_unavailable`, `guard_not_started`. Not retryable: any other `exit_N`,
 * `command_not_started` (unless a resource is short), `bad_event`, `bad_step`, `output_line_too_long`, `output_too_large`, and
 * `step_R` for the reason R of a `StepError`, which is retryable for `unreadable` and `unavailable`.
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

  const start = Effect.fn("CommandExecutor.start")(function* (
    run: Run.ClaimedRun,
    traceparent: Environment.Values,
  ) {
    const workDir = yield* WorkDir.newPath(options.workRoot)
    const steps = yield* Effect.mapError(ReportedSteps.recorded, failureOfStep)
    const request = yield* Request.encode(run, workDir, steps)
    const access = yield* Environment.ofRunToken(options.runToken)
    const program = yield* ProcessGroup.make({
      command,
      args: options.args ?? [],
      cwd: workDir,
      env: { ...env, ...Environment.ofRun(run, workDir), ...Environment.reveal(access), ...traceparent },
      workDir,
      maxMemoryBytes: options.maxMemoryBytes,
      killAfter,
      guardPath,
    })
    const mode = options.stdin ?? "document"
    const input = yield* Input.make(program, mode, request)
    const stderr = yield* Diagnostics.log(program.stderr, [...secrets, ...Environment.secrets(access)]).pipe(
      Effect.annotateLogs({ run_id: run.runId, agent_id: run.agentId }),
      Effect.forkScoped,
    )
    const outcome = Effect.gen(function* () {
      const ending = yield* program.ending
      const failure = failureOf(options.command, ending, retryableExitCodes, yield* Fiber.join(stderr))
      if (failure !== undefined) return yield* failure
    })
    const events = Output.events(program.stdout, {
      format: options.format ?? "auto",
      maxLineBytes: options.maxLineBytes ?? mebibyte,
      maxOutputBytes: options.maxOutputBytes ?? 64 * mebibyte,
      // The run's message id may name the text of an earlier attempt already.
      messageId: run.latestSequence === 0 ? run.messageId : undefined,
      record: (step) =>
        ReportedSteps.record(step.name, step.result, step).pipe(
          Effect.tap((report) => input.acknowledge(step, report)),
          Effect.mapBoth({ onFailure: failureOfStep, onSuccess: ({ events }) => events }),
        ),
    })
    const messages = Messages.deliver(input, failureOfStep)
    return Stream.concat(
      mode === "lines" ? Stream.merge(events, messages, { haltStrategy: "left" }) : events,
      Stream.execute(outcome),
    )
  })

  /** The program's spans belong below the attempt. */
  const traceparent = Effect.map(TraceContext.current, (span): Environment.Values =>
    span === undefined ? {} : { TRACEPARENT: TraceContext.toHeader(span) },
  )

  return Executor.Executor.of({
    execute: (run) => Stream.unwrapScoped(Effect.flatMap(traceparent, (trace) => start(run, trace))),
  })
})

/**
 * Provides a worker with an executor that starts a program for each run.
 *
 * ```ts
 * const agent = CommandExecutor.layerWith({ command: "printenv", args: ["RUNLEASE_PROMPT"] })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 */
export const layerWith = (options: Options): Layer.Layer<Executor.Executor> =>
  Layer.effect(Executor.Executor, make(options))
