/**
 * `runlease tell`: a message to a run that has not ended.
 */
import { Command, Options } from "@effect/cli"
import { Ids, Runs } from "@runlease/core"
import { Console, Effect, Option } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as Output from "../output/Output.js"
import { positionalText, runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"

export const command = Command.make(
  "tell",
  {
    connection: Settings.connection,
    json: Settings.json,
    key: Flag.text("key", Ids.text(200)).pipe(
      Options.withDescription("A repeat with the same key sends nothing"),
      Options.optional,
    ),
    runId,
    text: positionalText("text", "The text of the message"),
  },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { duplicate, id } = yield* runs
        .tell(options.runId, {
          parts: [{ type: "text", text: options.text }],
          idempotencyKey: Option.getOrUndefined(options.key),
        })
        .pipe(
          Effect.catchTag(
            "RunEnded",
            ({ message }) =>
              new CommandFailure({
                message,
                hint:
                  "Submit another run in its conversation, or repeat it with: runlease runs retry " +
                  options.runId,
                exitCode: ExitCode.error,
              }),
          ),
        )
      yield* options.json
        ? Output.json({ run_id: options.runId, message_id: id, duplicate })
        : Console.log(duplicate ? `${options.runId} had that message` : `${options.runId} has the message`)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Send a message to a run while it works; an agent that takes messages reads it.", [
    "runlease tell my-run 'Look at the second file first'",
  ]),
)
