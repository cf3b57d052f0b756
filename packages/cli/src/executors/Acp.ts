/**
 * A coding agent that speaks the Agent Client Protocol.
 */
import { Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { parseArgsStringToArgv } from "string-argv"
import { usage } from "../output/ExitCode.js"
import * as ProgramCheck from "./ProgramCheck.js"
import * as Describe from "../help/Describe.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

const options = Describe.grouped("A coding agent", {
  acp: Options.text("acp").pipe(
    Options.withDescription("The command line of an agent that speaks the Agent Client Protocol"),
    Options.optional,
  ),
  permission: Options.choice("permission", ["allow", "deny", "ask"]).pipe(
    Options.withDescription(
      "The answer to a permission request of the agent; ask, the default, lets the run wait for one",
    ),
    Options.optional,
  ),
  unknownMode: Options.choice("unknown-mode", ["warn", "refuse"]).pipe(
    Options.withDescription(
      "When no mode of the agent is recognized as one that requests permission: warn, the default, or refuse. --permission allow needs none",
    ),
    Options.optional,
  ),
  authMethod: Options.text("auth-method").pipe(
    Options.withDescription("The id of the agent's way to log in, where it demands one, such as api-key"),
    Options.optional,
  ),
  worktreeOf: Options.text("worktree-of").pipe(
    Options.withDescription("A git repository, of which each conversation gets a worktree"),
    Options.optional,
  ),
})

const loadExecutor = Effect.promise(() => import("@runlease/executor-acp/AcpExecutor"))

/** Where conversations have their working folders, which stay, when `--work-root` is absent. */
const defaultWorkRoot = ".runlease/work"

/** `--acp "opencode acp"` */
export const flag = ExecutorFlag.make({
  flag: "--acp",
  example: '"opencode acp"',
  options,
  startsProcesses: true,
  executor: ({ acp, authMethod, permission, unknownMode, worktreeOf }, processes) =>
    Option.map(acp, (line) => {
      const { env, grace, passEnv, rest, runToken, workRoot } = processes
      const [command, ...args] = [...parseArgsStringToArgv(line), ...rest]
      return command === undefined
        ? Effect.fail(
            usage("--acp names no program", 'Say how the agent is started, such as --acp "opencode acp".'),
          )
        : Effect.map(
            Effect.zipRight(ProgramCheck.check("--acp", command, processes), loadExecutor),
            (AcpExecutor) =>
              AcpExecutor.layerWith({
                command,
                args,
                env,
                passEnv: [...AcpExecutor.defaultPassEnv, ...passEnv],
                permission: Option.getOrElse(permission, () => "ask" as const),
                workRoot: workRoot ?? defaultWorkRoot,
                killAfter: grace,
                runToken,
                unknownMode: Option.getOrElse(unknownMode, () => "warn" as const),
                ...(Option.isSome(authMethod) ? { authMethod: authMethod.value } : {}),
                ...(Option.isSome(worktreeOf) ? { worktreeOf: worktreeOf.value } : {}),
              }),
          )
    }),
})
