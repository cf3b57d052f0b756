/**
 * The flag that names where runs are kept.
 */
import { Options } from "@effect/cli"
import { Config, Effect } from "effect"
import { type CommandFailure, usage } from "./ExitCode.js"

export const option = Options.text("database").pipe(
  Options.withDescription("Where runs are kept, as sqlite:PATH (RUNLEASE_DATABASE)"),
  Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_DATABASE")),
  Options.withDefault("sqlite:.runlease/runlease.sqlite"),
)

/** The file that a database setting names. */
export const filenameOf = (setting: string): Effect.Effect<string, CommandFailure> => {
  const filename = setting.startsWith("sqlite:") ? setting.slice("sqlite:".length) : ""
  return filename === ""
    ? Effect.fail(
        usage(
          `The database ${JSON.stringify(setting.replace(/:.*/s, ":…"))} is not one that this version keeps runs in`,
          "Name a file as sqlite:PATH, such as sqlite:.runlease/runlease.sqlite.",
        ),
      )
    : Effect.succeed(filename)
}
