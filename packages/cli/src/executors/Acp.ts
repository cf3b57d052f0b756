/**
 * A coding agent that speaks the Agent Client Protocol.
 */
import { Options } from "@effect/cli"
import { AcpExecutor } from "@runlease/executor-acp"
import { Effect, Option } from "effect"
import { parseArgsStringToArgv } from "string-argv"
import { usage } from "../ExitCode.js"
import * as ProgramCheck from "./ProgramCheck.js"
import * as Way from "./Way.js"

const options = {
  acp: Options.text("acp").pipe(
    Options.withDescription(
      "The command line of a coding agent that speaks the Agent Client Protocol; what follows -- is added to it",
    ),
    Options.optional,
  ),
  permission: Options.choice("permission", ["allow", "deny", "ask"]).pipe(
    Options.withDescription(
      "What the agent is told when it asks whether it may; ask (the default) lets the run wait for an answer",
    ),
    Options.optional,
  ),
  worktreeOf: Options.text("worktree-of").pipe(
    Options.withDescription(
      "A git repository; each conversation gets a worktree of it, on a branch of its own",
    ),
    Options.optional,
  ),
}

/** Where conversations have their working folders, which are kept, unless --work-root says. */
const defaultWorkRoot = ".runlease/work"

/** `--acp "opencode acp"` */
export const way = Way.make({
  flag: "--acp",
  example: '"opencode acp"',
  options,
  startsProcesses: true,
  executor: ({ acp, permission, worktreeOf }, processes) =>
    Option.map(acp, (line) => {
      const { env, grace, passEnv, rest, workRoot } = processes
      const [command, ...args] = [...parseArgsStringToArgv(line), ...rest]
      return command === undefined
        ? Effect.fail(
            usage("--acp names no program", 'Say how the agent is started, such as --acp "opencode acp".'),
          )
        : Effect.as(
            ProgramCheck.check("--acp", command, processes),
            AcpExecutor.layer({
              command,
              args,
              env,
              passEnv: [...AcpExecutor.defaultPassEnv, ...passEnv],
              permission: Option.getOrElse(permission, () => "ask" as const),
              workRoot: workRoot ?? defaultWorkRoot,
              killAfter: grace,
              ...(Option.isSome(worktreeOf) ? { worktreeOf: worktreeOf.value } : {}),
            }),
          )
    }),
})
