/**
 * A program that is started for each run.
 */
import { Options } from "@effect/cli"
import { CommandExecutor } from "@runlease/executor-command"
import { Effect, Option } from "effect"
import * as ProgramCheck from "./ProgramCheck.js"
import * as Flag from "../input/Flag.js"
import * as Describe from "../help/Describe.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

const options = Describe.grouped("A program for each run", {
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
export const flag = ExecutorFlag.make({
  flag: "--command",
  example: "PROGRAM",
  options,
  startsProcesses: true,
  executor: ({ arg, command, format, maxMemory }, processes) =>
    Option.map(command, (name) => {
      const { env, grace, passEnv, rest, runToken, workRoot } = processes
      return Effect.as(
        ProgramCheck.check("--command", name, processes),
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
