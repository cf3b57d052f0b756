/**
 * Positional arguments: the arguments of a command that have no flag.
 */
import { Args, HelpDoc } from "@effect/cli"
import { Ids } from "@runlease/core"
import { Effect, Schema } from "effect"
import * as Flag from "./Flag.js"

export const positionalText = (name: string, description: string): Args.Args<string> =>
  Args.withDescription(Args.text({ name }), description)

/** A positional argument whose text fits a schema. */
export const positional = <A>(
  name: string,
  schema: Schema.Schema<A, string>,
  description: string,
): Args.Args<A> => {
  const decode = Schema.decode(schema)
  return Args.mapEffect(positionalText(name, description), (text) =>
    Effect.mapError(decode(text), (error) =>
      HelpDoc.p(`<${name}> ${Flag.problemOf(error)}: ${JSON.stringify(text)}`),
    ),
  )
}

export const runId = positional("run-id", Ids.RunId, "The run's id, as submit printed it")
