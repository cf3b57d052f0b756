/**
 * A run's id on the command line.
 */
import { Args } from "@effect/cli"
import { Ids } from "@runlease/core"
import * as PositionalText from "./PositionalText.js"

export const runId = PositionalText.make("run-id", "The run's id, as submit printed it").pipe(
  Args.withSchema(Ids.RunId),
)
