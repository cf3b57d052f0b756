/** Exits as JSON. */
import type { Workflow } from "@effect/workflow"
import { Cause, Effect, Exit, FiberId, type ParseResult, Schema } from "effect"

/** A schema of `@effect/workflow`, whose services are in the context of the caller. */
type Codec = Schema.Schema<unknown, unknown>

const codecOf = (schema: Schema.Schema.All): Codec => schema as unknown as Codec

const json = Schema.Exit({
  success: Schema.Unknown,
  failure: Schema.Unknown,
  defect: Schema.Defect,
})

/** An exit of values that are JSON, as JSON. */
export const toJson: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, ParseResult.ParseError> =
  Schema.encode(json)

/** The exit that `toJson` has encoded. */
export const fromJson: (exit: unknown) => Effect.Effect<Exit.Exit<unknown, unknown>, ParseResult.ParseError> =
  Schema.decodeUnknown(json)

/** The exit of what was cancelled. */
export const interrupted: Exit.Exit<never> = Exit.failCause(Cause.interrupt(FiberId.none))

export const ofWorkflow = ({ errorSchema, successSchema }: Workflow.Any) =>
  Schema.Exit({
    success: codecOf(successSchema),
    failure: codecOf(errorSchema),
    defect: Schema.Defect,
  })

export const successOf = ({ successSchema }: Workflow.Any): Codec => codecOf(successSchema)

export const payloadOf = ({ payloadSchema }: Workflow.Any): Schema.Schema<object, unknown> =>
  payloadSchema as unknown as Schema.Schema<object, unknown>
