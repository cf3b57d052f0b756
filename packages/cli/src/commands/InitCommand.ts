/**
 * `runlease init`: makes a project, as `npm create runlease` does.
 */
import { Args, Command, Options } from "@effect/cli"
import { CreateProject } from "create-runlease"
import { Effect, Option } from "effect"
import * as Describe from "../help/Describe.js"
import { positionalText } from "../input/PositionalText.js"
import { ExitCode, QuietExit, usage } from "../output/ExitCode.js"

export const command = Command.make(
  "init",
  {
    template: Options.text("template").pipe(
      Options.withAlias("t"),
      Options.withDescription(`The kind of project: ${CreateProject.templates.join(", ")}`),
      Options.optional,
    ),
    yes: Options.boolean("yes").pipe(
      Options.withAlias("y"),
      Options.withDescription("Take the default of each question"),
    ),
    noInstall: Options.boolean("no-install").pipe(
      Options.withDescription("Leave the installation of the dependencies to you"),
    ),
    folder: Args.optional(positionalText("folder", "The folder to make, or an empty one")),
  },
  ({ folder, noInstall, template, yes }) =>
    Effect.tryPromise({
      try: () =>
        CreateProject.run({
          folder: Option.getOrUndefined(folder),
          template: Option.getOrUndefined(template),
          yes,
          install: !noInstall,
        }),
      catch: (error) => {
        if (error instanceof CreateProject.Refusal) return usage(error.message, error.hint)
        return error instanceof CreateProject.Cancelled
          ? new QuietExit({ exitCode: ExitCode.interrupted })
          : error
      },
    }),
).pipe(
  Describe.command(
    "Make a project that runs at once, with a stand-in where it has a model or an agent. On a terminal it prompts for what the command line leaves out; elsewhere it takes defaults and prints them. It is what npm create runlease does.",
    ["runlease init my-project", "runlease init my-project --template chat --no-install"],
  ),
)
