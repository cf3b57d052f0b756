/**
 * The outcome of a run on the wire.
 *
 * @since 0.1.0
 */
import { Run, type Runs } from "@runlease/core"
import { Schema } from "effect"
import { JsonObject, nullish } from "../Wire.js"

export const Outcome = Schema.Struct({
  status: Run.TerminalStatus,
  metadata: nullish(JsonObject),
  terminal_error_code: nullish(Schema.String),
  terminal_error_message: nullish(Schema.String),
  result: Schema.optional(Schema.Unknown).annotations({ description: "What the run gives" }),
  taken_messages: Schema.optional(Schema.NonNegativeInt).annotations({
    description: "(ours) How many messages the run has taken; where it has been told more, it does not end",
  }),
})

/** A code without a message is its own message. */
export const toOutcome = (wire: typeof Outcome.Type): Runs.Outcome => {
  const message = wire.terminal_error_message ?? wire.terminal_error_code
  return {
    status: wire.status,
    error: message == null ? undefined : { code: wire.terminal_error_code ?? null, message },
    metadata: wire.metadata,
    ...(wire.result === undefined ? {} : { result: wire.result }),
  }
}

export const fromOutcome = (
  { error, metadata, result, status }: Runs.Outcome,
  taken?: number,
): typeof Outcome.Type => ({
  status,
  metadata,
  terminal_error_code: error?.code,
  terminal_error_message: error?.message,
  result,
  ...(taken === undefined ? {} : { taken_messages: taken }),
})
