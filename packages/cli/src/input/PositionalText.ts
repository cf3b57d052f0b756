/**
 * Positional arguments: the arguments of a command that have no flag.
 */
import { Args } from "@effect/cli"
import { Ids } from "@runlease/core"

/** A positional argument of text. */
export const positionalText = (name: string, description: string): Args.Args<string> =>
  Args.withDescription(Args.text({ name }), description)

/** The id of a run. */
export const runId = positionalText("run-id", "The run's id, as submit printed it").pipe(
  Args.withSchema(Ids.RunId),
)
