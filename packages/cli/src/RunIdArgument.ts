/**
 * A run's id on the command line.
 */
import { Args } from "@effect/cli"
import { Ids } from "@runlease/core"
import * as Word from "./Word.js"

export const runId = Word.make("run-id", "The run's id, as submit printed it").pipe(
  Args.withSchema(Ids.RunId),
)
