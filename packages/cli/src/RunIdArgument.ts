/**
 * A run's id on the command line.
 */
import { Args } from "@effect/cli"
import { Ids } from "@runlease/core"

export const runId = Args.text({ name: "run-id" }).pipe(
  Args.withSchema(Ids.RunId),
  Args.withDescription("The run's id, as submit printed it"),
)
