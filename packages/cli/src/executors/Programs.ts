/** Programs that are started for each run, and coding agents that speak the Agent Client Protocol. */
import { existsSync } from "node:fs"
import { Options } from "@effect/cli"
import { CommandExecutor } from "@runlease/executor-command"
import { ProgramPath } from "@runlease/process"
import { Config, Effect, Option } from "effect"
import { parseArgsStringToArgv } from "string-argv"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

const hintOf = (flag: string, { command, reason }: ProgramPath.ProgramUnusable): string => {
  if (reason === "not_executable") return `Make it an executable file: chmod +x ${command}`
  if (/\s/.test(command) && flag === "--command") {
    return "--command takes the program alone; its arguments go after --, as in: --command python3 -- agent.py"
  }
  if (command.includes("/")) return `Check the path, which is relative to this folder, ${process.cwd()}.`
  return existsSync(command)
    ? `PATH has no such program. The one in this folder is named ./${command}.`
    : "PATH has no such program. Install it, check its spelling, or give its path, such as ./agent.sh."
}

/** Fails with a hint when the program that `flag` names cannot be started. */
export const check = Effect.fnUntraced(function* (
  flag: string,
  command: string,
  { env }: ExecutorFlag.Processes,
) {
  const path = env["PATH"] ?? (yield* Effect.orElseSucceed(Config.string("PATH"), () => undefined))
  yield* Effect.mapError(
    ProgramPath.find(command, path),
    (unusable) =>
      new CommandFailure({
        message: `${flag}: ${unusable.message}`,
        hint: hintOf(flag, unusable),
        exitCode: ExitCode.unavailable,
      }),
  )
})

const programOptions = Describe.grouped("A program for each run", {
  command: Options.text("command").pipe(
    Options.withDescription(
      "The program: request on stdin, events or text on stdout; its arguments follow --",
    ),
    Options.optional,
  ),
  arg: Options.text("arg").pipe(
    Options.withDescription("An argument of the program, repeatable"),
    Options.repeated,
  ),
  format: Options.choice("format", ["auto", "events", "text"]).pipe(
    Options.withDescription(
      "How its stdout reads; auto, the default, takes JSON lines with a type as events",
    ),
    Options.optional,
  ),
  maxMemory: Flag.whole("max-memory", { minimum: 16, maximum: 1_048_576 }).pipe(
    Options.withDescription("MiB of private memory of each of its processes, on Linux; no limit when absent"),
    Options.optional,
  ),
})

/** `--command PROGRAM` */
export const program = ExecutorFlag.make({
  flag: "--command",
  example: "PROGRAM",
  options: programOptions,
  startsProcesses: true,
  executor: ({ arg, command, format, maxMemory }, processes) =>
    Option.map(command, (name) => {
      const { env, grace, passEnv, rest, runToken, workRoot } = processes
      return Effect.as(
        check("--command", name, processes),
        CommandExecutor.layerWith({
          command: name,
          args: [...arg, ...rest],
          env,
          passEnv: [...CommandExecutor.defaultPassEnv, ...passEnv],
          format: Option.getOrElse(format, () => "auto" as const),
          killAfter: grace,
          runToken,
          ...(workRoot === undefined ? {} : { workRoot }),
          ...(Option.isNone(maxMemory) ? {} : { maxMemoryBytes: maxMemory.value * 1024 * 1024 }),
        }),
      )
    }),
})

const acpOptions = Describe.grouped("A coding agent", {
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

const loadAcp = Effect.promise(() => import("@runlease/executor-acp/AcpExecutor"))

/** Where conversations have their working folders, which stay, when `--work-root` is absent. */
const defaultWorkRoot = ".runlease/work"

/** `--acp "opencode acp"` */
export const acp = ExecutorFlag.make({
  flag: "--acp",
  example: '"opencode acp"',
  options: acpOptions,
  startsProcesses: true,
  executor: ({ acp, authMethod, permission, unknownMode, worktreeOf }, processes) =>
    Option.map(acp, (line) => {
      const { env, grace, passEnv, rest, runToken, workRoot } = processes
      const [command, ...args] = [...parseArgsStringToArgv(line), ...rest]
      return command === undefined
        ? Effect.fail(
            usage("--acp names no program", 'Say how the agent is started, such as --acp "opencode acp".'),
          )
        : Effect.map(Effect.zipRight(check("--acp", command, processes), loadAcp), (AcpExecutor) =>
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
