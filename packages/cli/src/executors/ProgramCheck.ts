/**
 * Finds the program of a worker before the worker claims a run.
 */
import { ProgramPath } from "@runlease/process"
import { Config, Effect } from "effect"
import { existsSync } from "node:fs"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import type { Processes } from "./ExecutorFlag.js"

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
export const check = Effect.fnUntraced(function* (flag: string, command: string, { env }: Processes) {
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
