/**
 * The `runlease` command: its subcommands, and how its failures are told.
 */
import { CliConfig, Command, ValidationError } from "@effect/cli"
import { NodeContext } from "@effect/platform-node"
import { Refusal } from "@runlease/http"
import { Cause, Console, Effect, Exit, Layer, Logger, LogLevel, Option, Predicate } from "effect"
import * as BackupCommand from "./BackupCommand.js"
import * as DemoCommand from "./DemoCommand.js"
import { CommandFailure, ExitCode, exitCodeHelp, QuietExit } from "./ExitCode.js"
import * as CommandLine from "./help/CommandLine.js"
import * as CommandTree from "./help/CommandTree.js"
import * as KeysCommand from "./KeysCommand.js"
import * as ResumeCommand from "./ResumeCommand.js"
import * as RunsCommand from "./RunsCommand.js"
import * as ServeCommand from "./ServeCommand.js"
import * as Settings from "./Settings.js"
import * as SubmitCommand from "./SubmitCommand.js"
import * as WatchCommand from "./WatchCommand.js"
import * as WorkerCommand from "./WorkerCommand.js"
import * as WorkersCommand from "./WorkersCommand.js"

const version = "0.1.0"

const command = Command.make("runlease").pipe(
  Command.withDescription(
    "Durable agent runs under leases. Settings come from flags, else RUNLEASE_… variables, else runlease.json " +
      "(or --config FILE). Start with: runlease demo",
  ),
  Command.withSubcommands([
    ServeCommand.command,
    BackupCommand.command,
    WorkerCommand.command,
    SubmitCommand.command,
    WatchCommand.command,
    RunsCommand.command,
    ResumeCommand.command,
    WorkersCommand.command,
    KeysCommand.command,
    DemoCommand.command,
  ]),
)

const overview = `runlease: durable agent runs under leases

  runlease demo                     see it work: a server, two workers, one of them killed
  runlease serve                    the control plane, on one SQLite file
  runlease worker --command PROG    work on runs with a program, or with --module ./worker.ts
  runlease submit --agent ID TEXT   submit a run; --watch follows it
  runlease watch RUN                follow a run to its end
  runlease resume RUN --approve     answer what a waiting run asks
  runlease runs list|get|events|cancel|resume|prune
  runlease workers list|revoke
  runlease keys create|list|revoke
  runlease backup FILE              copy the database while the server goes on

Each command explains itself with --help.

Settings come from flags, else from RUNLEASE_URL, RUNLEASE_API_KEY and the like, else from runlease.json
in this folder, or the file that --config FILE names. --log-level debug tells more.
${exitCodeHelp}
`

const asksForOverview = (args: ReadonlyArray<string>): boolean =>
  args.length === 0 || (args.length === 1 && ["--help", "-h", "help"].includes(args[0]!))

/** A server or a worker that is asked to stop has done its work; any other command has not. */
export const interruptedExitCode = (argv: ReadonlyArray<string>): number =>
  argv[2] === "serve" || argv[2] === "worker" ? ExitCode.ok : ExitCode.interrupted

const run = Command.run(command, { name: "Runlease", version })

const unavailableHint = "Check that the server runs and that --url or RUNLEASE_URL names it."
const refusedHint = "Check RUNLEASE_API_KEY; an admin key lists keys with: runlease keys list"

/** What went wrong, in words: every failure that a command can end with. */
const failureOf = (error: unknown): CommandFailure => {
  if (error instanceof CommandFailure) return error
  if (Predicate.isTagged(error, "ControlPlaneUnavailable") && Predicate.hasProperty(error, "message")) {
    const retryable = Predicate.hasProperty(error, "retryable") && error.retryable === true
    return new CommandFailure({
      message: String(error.message),
      hint: retryable ? unavailableHint : refusedHint,
      exitCode: retryable ? ExitCode.unavailable : ExitCode.refused,
    })
  }
  if (Predicate.isTagged(error, "SqliteFileUnusable") && Predicate.hasProperty(error, "message")) {
    return new CommandFailure({
      message: String(error.message),
      hint: "Name another file with --database sqlite:PATH, or mend this one.",
      exitCode: ExitCode.unavailable,
    })
  }
  if (error instanceof Refusal.Refusal) {
    const refused = error.httpStatus === 401 || error.httpStatus === 403
    return new CommandFailure({
      message: error.message,
      exitCode: refused ? ExitCode.refused : ExitCode.error,
      ...(refused ? { hint: refusedHint } : {}),
    })
  }
  const message = Predicate.hasProperty(error, "message") ? String(error.message) : String(error)
  return new CommandFailure({ message, exitCode: ExitCode.error })
}

const tell = (failure: CommandFailure): Effect.Effect<void> =>
  Console.error(
    [`Error: ${failure.message}`, ...(failure.hint === undefined ? [] : [failure.hint])].join("\n"),
  )

/** The exit code of a cause, its failure told unless there is nothing to tell. */
const exitCodeOf = (cause: Cause.Cause<unknown>): Effect.Effect<number> =>
  Option.match(Cause.failureOption(cause), {
    onNone: () =>
      Cause.isInterruptedOnly(cause)
        ? Effect.succeed(ExitCode.interrupted)
        : Effect.as(
            Console.error(`Error: a defect of runlease itself\n${Cause.pretty(cause)}`),
            ExitCode.error,
          ),
    onSome: (error) => {
      if (error instanceof QuietExit) return Effect.succeed(error.exitCode)
      // What is wrong with the arguments is told already, with the usage.
      if (ValidationError.isValidationError(error)) return Effect.succeed(ExitCode.usage)
      const failure = failureOf(error)
      return Effect.as(tell(failure), failure.exitCode)
    },
  })

/**
 * Runs the command line `argv` and gives the exit code.
 */
export const main = (argv: ReadonlyArray<string>): Effect.Effect<number> =>
  Settings.load(argv.slice(2)).pipe(
    Effect.flatMap(({ args, provider }) =>
      asksForOverview(args)
        ? Console.log(overview)
        : Effect.flatMap(CommandLine.read(CommandTree.of(command), args), (line) =>
            Effect.withConfigProvider(run([...argv.slice(0, 2), ...line.args]), provider),
          ),
    ),
    Effect.provide(
      Layer.mergeAll(
        NodeContext.layer,
        CliConfig.layer({ showBuiltIns: false }),
        Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger)),
        Logger.minimumLogLevel(LogLevel.Info),
      ),
    ),
    Effect.exit,
    Effect.flatMap(
      Exit.match({ onSuccess: () => Effect.succeed<number>(ExitCode.ok), onFailure: exitCodeOf }),
    ),
  )
