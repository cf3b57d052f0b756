/**
 * `runlease runs callback`: makes a URL that answers a question of a run once.
 */
import { Command, Options } from "@effect/cli"
import { Callbacks, Runs } from "@runlease/core"
import { Console, DateTime, Effect, Option, Redacted } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as Output from "../output/Output.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as ResumeCommand from "./ResumeCommand.js"

export const command = Command.make(
  "callback",
  {
    connection: Settings.connection,
    json: Settings.json,
    interrupt: Options.text("interrupt").pipe(
      Options.withDescription("The question, by its id; the only one that is open when left out"),
      Options.optional,
    ),
    expires: Flag.duration("expires", { minimum: "1 second", maximum: "365 days" }).pipe(
      Options.withDescription("How long it is valid, such as 7d; a day when absent"),
      Options.optional,
    ),
    runId,
  },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const callbacks = yield* Callbacks.Callbacks
      const question = yield* Option.match(options.interrupt, {
        onNone: () => Effect.flatMap(runs.get(options.runId), ResumeCommand.onlyInterruptId),
        onSome: Effect.succeed,
      })
      const { expiresAt, token, url } = yield* callbacks
        .issue(options.runId, { question, expiresIn: Option.getOrUndefined(options.expires) })
        .pipe(
          Effect.catchTags({
            NotWaiting: (error) => ResumeCommand.refused(options.runId, error),
            CallbackRefused: ({ message }) =>
              new CommandFailure({
                message,
                hint: `Answer it with: runlease resume ${options.runId}`,
                exitCode: ExitCode.error,
              }),
          }),
        )
      if (options.json) {
        return yield* Output.json({
          url,
          token: Redacted.value(token),
          interrupt_id: question,
          expires_at: DateTime.formatIso(expiresAt),
        })
      }
      yield* Console.error(
        `A POST of JSON to it answers ${question}, once, until ${DateTime.formatIso(expiresAt)}:`,
      )
      yield* Console.log(url ?? Redacted.value(token))
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Make a URL that answers a question of a waiting run once, for a third party without an API key.",
    ["runlease runs callback my-run", "runlease runs callback my-run --interrupt paid --expires 7d"],
  ),
)
