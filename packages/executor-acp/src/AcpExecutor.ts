/**
 * Runs any agent that speaks the Agent Client Protocol, version 1, over stdio, as an executor.
 *
 * Each run starts the agent's program in the working folder of its conversation. It continues the conversation's session if
 * the agent can (`session/resume` or `session/load`, with the key from `Runs.recordSession`). Otherwise it starts a new
 * session and puts the conversation into the prompt. The prompt holds the messages of the user that the agent has not seen.
 * The agent's updates become AG-UI events. Its requests for files and commands are limited to the working folder.
 *
 * A run has one turn, and another one in the same session while it has new messages: they are the prompt of the
 * next turn, unless the agent gave up the last one.
 *
 * The end of a turn is recorded in the log of the run. If the worker dies after that, such as while the agent exits, the next attempt ends
 * the run as the turn ended, and starts no agent. If there are messages behind that turn, it continues with them. Messages whose turn has not
 * ended are prompted again.
 *
 * With the permission `ask`, a question of the agent suspends the run (docs/decisions/0016-acp-permissions.md). The run's
 * metadata gets `usage`, the tokens of the last turn if the agent reports them, and `acp`: the session's id, the stop reason
 * and the size of the context.
 *
 * At the end of a run the executor cancels the agent's turn and closes its stdin. Then the agent's process group gets TERM,
 * and KILL after that. This also happens when the worker is killed, and at the end of the lease when the worker is stopped.
 * Processes that survive a failure of the machine end when the next executor starts there. The executor requires a POSIX
 * system with /bin/sh.
 */
import type * as acp from "@agentclientprotocol/sdk"
import { Executor } from "@runlease/core"
import { Environment } from "@runlease/process"
import { Duration, Effect, Layer, Stream } from "effect"
import { resolve } from "node:path"
import * as Lock from "./internal/Lock.js"
import type * as Permissions from "./internal/Permissions.js"
import * as Turn from "./internal/Turn.js"
import * as WorkFolder from "./internal/WorkFolder.js"

/**
 * The reply to an agent that requests permission. `allow` and `deny` reply at once, with the narrowest option of the agent.
 * `ask` suspends the run until a person answers.
 */
export type Permission = Permissions.Policy

/** The program of the agent, its environment, its permission and its limits. */
export interface Options {
  /** A name on PATH, or a path. A relative path starts at the worker's folder. */
  readonly command: string
  /** Arguments, such as the ones that make the program speak ACP. Default: none. */
  readonly args?: ReadonlyArray<string>
  /** The variables of the worker's environment that the agent gets. Default: `defaultPassEnv`. */
  readonly passEnv?: ReadonlyArray<string>
  /** Further variables. Logs and failure messages do not show Redacted values. */
  readonly env?: Environment.Extra
  /**
   * Passes a token of the run to the agent, and to the commands that it runs, in RUNLEASE_TOKEN next to RUNLEASE_URL and RUNLEASE_WORKER_ID. With it
   * they may append to the run, send it messages and spawn children of it over HTTP, for as long as the worker holds the run. Needs a worker
   * that has its runs from a server. Default: false.
   */
  readonly runToken?: boolean
  readonly permission: Permission
  /** Under `ask` and `deny`: how to treat an agent without a recognized asking mode. Default: `warn`, in the run's log too. */
  readonly unknownMode?: "warn" | "refuse"
  /** How long a question waits for its answer, 1 second to 365 days. Then the run fails. Default: for ever. */
  readonly answerWithin?: Duration.DurationInput
  /** The folder for the working folders of conversations. They stay after the runs. */
  readonly workRoot: string
  /** A git repository. Each working folder is a worktree of it, on a branch `runlease/<conversation>`. */
  readonly worktreeOf?: string
  /** MCP servers for the agent. Servers of an unsupported kind are left out with a warning. Default: none. */
  readonly mcpServers?: ReadonlyArray<acp.McpServer>
  /** The id of a method to authenticate without a person or a terminal, if the agent demands one. Default: none. */
  readonly authMethod?: string
  /** The longest time until the session is open. Default: 2 minutes. */
  readonly startWithin?: Duration.DurationInput
  /** The time for the agent to end a cancelled turn, and again to exit after the end of its stdin. Default: 1 second. */
  readonly cancelGrace?: Duration.DurationInput
  /** The grace between TERM and KILL. Default: 2 seconds. */
  readonly killAfter?: Duration.DurationInput
  /** The longest message from the agent, and the largest file that it may read. Default: 8 MiB. */
  readonly maxMessageBytes?: number
}

/** Variables for programs, the home folder, the locale and the time zone. None of them usually holds a secret. */
export const defaultPassEnv: ReadonlyArray<string> = Environment.defaultNames

const mebibyte = 1024 * 1024

/**
 * An executor that starts an agent for each run. Its construction ends what an earlier worker on this machine left running
 * under `workRoot`.
 *
 * Its runs fail with these codes. `command_not_found`, `command_not_executable` and `run_token_unavailable` hand the run back. Retryable:
 * `agent_slow`, `agent_exited`, `agent_killed`, `agent_silent`, `work_dir_busy`, `work_dir_unavailable`,
 * `guard_not_started`. Not retryable: `command_not_started` (unless a resource is short), `agent_protocol_version`,
 * `agent_auth_required`, `agent_mode_unknown`, `agent_stop_reason_unknown`, `agent_error`, `agent_protocol_error`,
 * `agent_message_too_large`, `worktree_failed`. `session_not_recorded` is retryable if the control plane was unavailable. A
 * run that the agent abandons ends with RUN_ERROR and the code `max_tokens`, `max_turn_requests` or `refusal`.
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const inherited = yield* Environment.inherit(options.passEnv ?? defaultPassEnv)
  const { HOME = "", PATH: guardPath = "" } = yield* Environment.inherit(["PATH", "HOME"])
  const extra = options.env ?? {}
  const workRoot = resolve(options.workRoot)
  const bounds = { killAfter: Duration.decode(options.killAfter ?? "2 seconds"), guardPath }

  yield* Lock.reapAll({ ...bounds, folder: WorkFolder.locksOf(workRoot) })
  const folders = yield* WorkFolder.make({
    ...bounds,
    workRoot,
    worktreeOf: options.worktreeOf === undefined ? undefined : resolve(options.worktreeOf),
    env: { PATH: guardPath, HOME },
  })
  const start = Turn.make({
    ...bounds,
    folders,
    name: options.command,
    command: options.command.includes("/") ? resolve(options.command) : options.command,
    args: options.args ?? [],
    env: { ...inherited, ...Environment.reveal(extra) },
    secrets: Environment.secrets(extra),
    runToken: options.runToken ?? false,
    permission: options.permission,
    unknownMode: options.unknownMode ?? "warn",
    answerWithin: options.answerWithin,
    mcpServers: options.mcpServers ?? [],
    authMethod: options.authMethod,
    startWithin: Duration.decode(options.startWithin ?? "2 minutes"),
    cancelGrace: Duration.decode(options.cancelGrace ?? "1 second"),
    maxMessageBytes: options.maxMessageBytes ?? 8 * mebibyte,
  })
  return Executor.Executor.of({ execute: (run) => Stream.unwrapScoped(start(run)) })
})

/**
 * Provides a worker with an executor that starts an agent for each run.
 *
 * ```ts
 * const agent = AcpExecutor.layerWith({ command: "opencode", args: ["acp"], permission: "ask", workRoot: "/var/lib/agents" })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 */
export const layerWith = (options: Options): Layer.Layer<Executor.Executor> =>
  Layer.effect(Executor.Executor, make(options))
