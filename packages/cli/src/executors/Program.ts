/**
 * A program for each run.
 */
import { Options } from "@effect/cli"
import { CommandExecutor } from "@runlease/executor-command"
import { Effect, Option } from "effect"
import * as ProgramCheck from "./ProgramCheck.js"
import * as Way from "./Way.js"

const options = {
  command: Options.text("command").pipe(
    Options.withDescription("The program that works on a run: request on stdin, events or text on stdout"),
    Options.optional,
  ),
  arg: Options.text("arg").pipe(
    Options.withDescription("An argument of the program, repeatable; or put them all after --"),
    Options.repeated,
  ),
  format: Options.choice("format", ["auto", "events", "text"]).pipe(
    Options.withDescription(
      "How to read its stdout: auto (the default) takes JSON lines with a type as events, others as text",
    ),
    Options.optional,
  ),
}

/** `--command PROGRAM` */
export const way = Way.make({
  flag: "--command",
  example: "PROGRAM",
  options,
  startsProcesses: true,
  executor: ({ arg, command, format }, processes) =>
    Option.map(command, (name) => {
      const { env, grace, passEnv, rest, workRoot } = processes
      return Effect.as(
        ProgramCheck.check("--command", name, processes),
        CommandExecutor.layer({
          command: name,
          args: [...arg, ...rest],
          env,
          passEnv: [...CommandExecutor.defaultPassEnv, ...passEnv],
          format: Option.getOrElse(format, () => "auto" as const),
          killAfter: grace,
          ...(workRoot === undefined ? {} : { workRoot }),
        }),
      )
    }),
})
