/**
 * An argument that is no flag. A flag that the command does not know would be taken for the argument otherwise.
 */
import { Args, HelpDoc } from "@effect/cli"
import { Effect } from "effect"

/** An argument that does not begin with two dashes. */
export const make = (name: string, description: string): Args.Args<string> =>
  Args.text({ name }).pipe(
    Args.withDescription(description),
    Args.mapEffect((word) =>
      word.startsWith("--")
        ? Effect.fail(HelpDoc.p(`The flag '${word}' is not recognized; --help lists those that are`))
        : Effect.succeed(word),
    ),
  )
