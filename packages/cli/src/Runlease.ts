/**
 * The `runlease` command: its subcommands, and how its failures are printed.
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { isControlPlaneError } from "@runlease/core/ControlPlaneError"
import * as Refusal from "@runlease/http/Refusal"
import {
  Cause,
  Clock,
  Console,
  Effect,
  Exit,
  FiberRef,
  Layer,
  Logger,
  LogLevel,
  Option,
  Predicate,
} from "effect"
import { stripVTControlCharacters } from "node:util"
import * as Commands from "./commands/Commands.js"
import { CommandFailure, ExitCode, QuietExit, usage } from "./output/ExitCode.js"
import * as CommandLine from "./help/CommandLine.js"
import * as CommandTree from "./help/CommandTree.js"
import * as HelpText from "./help/HelpText.js"
import * as Overview from "./help/Overview.js"
import * as Log from "./output/Log.js"
import * as Output from "./output/Output.js"
import * as Terminal from "./output/Terminal.js"
import * as LogFormat from "./input/LogFormat.js"
import * as Settings from "./input/Settings.js"

/** The commands that run until a signal ends them. */
const endless: ReadonlySet<string | undefined> = new Set(["dev", "serve", "worker", "mcp", "relay"])

/** The exit code after an interruption: success for a command that is endless, and 130 for any other, which did not finish. */
export const interruptedExitCode = (argv: ReadonlyArray<string>): number =>
  endless.has(argv[2]) ? ExitCode.ok : ExitCode.interrupted

const unavailableHint = "Check that the server runs and that --url or RUNLEASE_URL names it."
const refusedHint = "Check RUNLEASE_API_KEY; an admin key lists keys with: runlease keys list"
const projectHint = "Name the project of the key with --project or RUNLEASE_PROJECT."

/** What to do about a refusal, by what it says is wrong. */
const refusalHint = (message: string): string | undefined => {
  if (/\bProject .* does not exist\b/s.test(message)) return projectHint
  return message.startsWith("The token") ? refusedHint : undefined
}

/** The text of `@effect/cli` without its colours. */
const plain = (text: string): string => stripVTControlCharacters(text).trim()

/** Turns any error of a command into a message, a hint and an exit code. */
const failureOf = (error: unknown): CommandFailure => {
  if (error instanceof CommandFailure) return error
  if (ValidationError.isValidationError(error)) return usage(plain(HelpDoc.toAnsiText(error.error)))
  if (isControlPlaneError(error)) {
    const hint = error._tag === "ControlPlaneRefused" ? refusalHint(error.message) : unavailableHint
    return new CommandFailure({
      message: error.message,
      ...(hint === undefined ? {} : { hint }),
      exitCode: error.retryable ? ExitCode.unavailable : ExitCode.refused,
    })
  }
  if (Predicate.isTagged(error, "SqliteFileUnusable") && Predicate.hasProperty(error, "message")) {
    const isMissingDriver = Predicate.hasProperty(error, "reason") && error.reason === "missing_driver"
    return new CommandFailure({
      message: String(error.message),
      ...(isMissingDriver
        ? {}
        : { hint: "Name another file with --database sqlite:PATH, or mend this one." }),
      exitCode: ExitCode.unavailable,
    })
  }
  if (error instanceof Refusal.Refusal) {
    const refused = error.httpStatus === 401 || error.httpStatus === 403
    const hint = refused ? refusedHint : refusalHint(error.message)
    return new CommandFailure({
      message: error.message,
      exitCode: refused ? ExitCode.refused : ExitCode.error,
      ...(hint === undefined ? {} : { hint }),
    })
  }
  const message = Predicate.hasProperty(error, "message") ? String(error.message) : String(error)
  return new CommandFailure({ message, exitCode: ExitCode.error })
}

/** Says on stderr why the command fails: as text, or as a line of its log where that is in JSON. */
const say = (
  message: string,
  details: Readonly<Record<"hint" | "error", string | undefined>>,
): Effect.Effect<void> =>
  Effect.flatMap(Effect.zip(FiberRef.get(Log.ofFailures), Clock.currentTimeMillis), ([format, now]) =>
    Console.error(
      format === "json"
        ? Log.failureLine(new Date(now), message, details)
        : [`Error: ${message}`, ...Object.values(details).filter(Predicate.isString)].join("\n"),
    ),
  )

const print = ({ hint, message }: CommandFailure): Effect.Effect<void> =>
  say(message, { hint, error: undefined })

/** The exit code of a cause. Prints the failure, unless it has no message. */
const exitCodeOf = (cause: Cause.Cause<unknown>): Effect.Effect<number> =>
  Option.match(Cause.failureOption(cause), {
    onNone: () =>
      Cause.isInterruptedOnly(cause)
        ? Effect.succeed(ExitCode.interrupted)
        : Effect.as(
            say("a defect of runlease itself", { hint: undefined, error: Cause.pretty(cause) }),
            ExitCode.error,
          ),
    onSome: (error) => {
      if (error instanceof QuietExit) return Effect.succeed(error.exitCode)
      const failure = failureOf(error)
      return Effect.as(print(failure), failure.exitCode)
    },
  })

/** Runs the command that `args` name. `prefix` is the first two entries of `argv`: the runtime and the script. */
const run = Effect.fnUntraced(function* (prefix: ReadonlyArray<string>, args: ReadonlyArray<string>) {
  const command = yield* Commands.load(args)
  const line = yield* CommandLine.read(CommandTree.of(command), args)
  if (line.builtIn === "version") return yield* Console.log(Overview.version)
  const isGroup = line.path.at(-1)!.subcommands.length > 0 && line.args.length === line.path.length - 1
  if (line.builtIn === "help" || isGroup) {
    return yield* Console.log(HelpText.of(line.path, yield* Output.paint))
  }
  // The library prints what it refuses, in colours; it is printed as every other failure is.
  const console = yield* Effect.console
  const refusing: Console.Console = { ...console, error: () => Effect.void }
  return yield* Command.run(Command.transformHandler(command, Effect.withConsole(console)), {
    name: "Runlease",
    version: Overview.version,
  })([...prefix, ...line.args]).pipe(Effect.withConsole(refusing))
})

/**
 * Runs the command line `argv`, whose first two entries are the runtime and the script. Returns the exit code.
 *
 * Prints every failure on stderr, so it fails with no error.
 */
export const main = (argv: ReadonlyArray<string>): Effect.Effect<number> =>
  Settings.load(argv.slice(2)).pipe(
    Effect.flatMap(({ args, provider }) => {
      const answer = Overview.answer(args)
      return answer === undefined
        ? LogFormat.requested(args).pipe(
            Effect.tap((format) => FiberRef.set(Log.ofFailures, format)),
            Effect.flatMap((format) =>
              Effect.provide(
                run(argv.slice(0, 2), args[0] === "help" ? [...args.slice(1), "--help"] : args),
                Log.layer(format),
              ),
            ),
            Effect.withConfigProvider(provider),
          )
        : Console.log(answer.trimEnd())
    }),
    Effect.provide(
      Layer.mergeAll(
        NodeContext.layer,
        CliConfig.layer({ showBuiltIns: false }),
        Logger.replace(Logger.defaultLogger, Log.text),
        Logger.minimumLogLevel(LogLevel.Info),
      ),
    ),
    Effect.exit,
    Effect.flatMap(
      Exit.match({ onSuccess: () => Effect.succeed<number>(ExitCode.ok), onFailure: exitCodeOf }),
    ),
    Terminal.guarded,
  )
