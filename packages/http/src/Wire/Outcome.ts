/**
 * The outcome of a run on the wire.
 *
 * @since 0.1.0
 */
import { Run, type Runs } from "@runlease/core"
import { Schema } from "effect"
import { JsonObject, nullish } from "../Wire.js"
import * as RunError from "./RunError.js"

export const Outcome = Schema.Struct({
  status: Run.TerminalStatus,
  metadata: nullish(JsonObject),
  terminal_error_code: nullish(Schema.String),
  terminal_error_message: nullish(Schema.String),
  terminal_error_detail: Schema.optional(Schema.Unknown).annotations({
    description:
      "(ours) The failure that the agent declares, as JSON; read where there is a code or a message",
  }),
  result: Schema.optional(Schema.Unknown).annotations({ description: "What the run gives" }),
  taken_messages: Schema.optional(Schema.NonNegativeInt).annotations({
    description: "(ours) How many messages the run has taken; where it has been told more, it does not end",
  }),
})

/** A code without a message is its own message. */
export const toOutcome = (wire: typeof Outcome.Type): Runs.Outcome => ({
  status: wire.status,
  error: RunError.of(wire) ?? undefined,
  metadata: wire.metadata,
  ...(wire.result === undefined ? {} : { result: wire.result }),
})

export const fromOutcome = (
  { error, metadata, result, status }: Runs.Outcome,
  taken?: number,
): typeof Outcome.Type => ({
  status,
  metadata,
  terminal_error_code: error?.code,
  terminal_error_message: error?.message,
  ...RunError.detailOf(error),
  result,
  ...(taken === undefined ? {} : { taken_messages: taken }),
})
