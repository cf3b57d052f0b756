/** A tool, with the schema of its arguments. */
import * as FormSchema from "@runlease/core/FormSchema"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import * as Refusal from "@runlease/http/Refusal"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import { Effect, type ParseResult, Predicate, Schema } from "effect"
import type { Call, Outcome } from "./Call.js"
import type * as JsonRpc from "./JsonRpc.js"

// The results of tool calls.

/** A value, as a model reads it and as a program does. */
export const ofValue = (value: object, isError = false): JsonRpc.Params => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value,
  isError,
})

/** A problem that the model may solve by another call. */
export const problem = (message: string): JsonRpc.Params => ({
  content: [{ type: "text", text: message }],
  isError: true,
})

/** What a tool says of its side effects, for clients that need a confirmation of their user before they call it. */
export interface Annotations {
  readonly title: string
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: object
  readonly outputSchema?: object
  readonly annotations: Annotations
  readonly call: (args: JsonRpc.Params, call: Call) => Effect.Effect<Outcome, Refusal.Refusal>
}

/** A JSON Schema without the ids and the titles that say nothing. Two schemas of one id are none for validators. */
const plain = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(plain)
  if (!Predicate.isRecord(node)) return node
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]) =>
      key === "$id" || (key === "title" && value === "unknown") ? [] : [[key, plain(value)]],
    ),
  )
}

/** The JSON Schema in one piece: clients hand it to models, of which some read no references. */
const jsonSchemaOf = <A, I>(schema: Schema.Schema<A, I>): object => ({
  type: "object",
  ...(plain(FormSchema.of(schema)) as object | undefined),
})

/** A part of the arguments, as its JSON Schema shows it to a model. */
export const shownAs = <A, I>(
  schema: Schema.Schema<A, I>,
  jsonSchema: { readonly description: string } & Readonly<Record<string, unknown>>,
): Schema.Schema<A, I> => schema.annotations({ jsonSchema })

/** Returns the failures that a model may mend as the result of its call. A control plane that does not answer has no result. */
export const answered = <A, E extends ErrorBody.PortError | Refusal.Refusal>(
  effect: Effect.Effect<A, E>,
  onProblem: (result: JsonRpc.Params) => A,
): Effect.Effect<A, Refusal.Refusal> =>
  Effect.catchAll(effect, (error) => {
    // A client of the control plane reads here what to check, such as its key.
    if (error._tag === "ControlPlaneRefused" || error._tag === "ControlPlaneUnsupported") {
      return Effect.succeed(onProblem(problem(error.message)))
    }
    const refusal = ErrorBody.encode(error)
    return refusal.httpStatus === 503
      ? Effect.fail(refusal)
      : Effect.succeed(onProblem(problem(refusal.body.detail)))
  })

const invalid = (name: string) => (problem: ParseResult.ParseError) =>
  Refusal.make(
    422,
    "invalid_arguments",
    `The arguments of ${name} do not fit: ${SchemaProblem.describe(problem)}`,
  )

/** A tool of a schema. Arguments that do not fit are an error that the model reads, as are the verdicts of the control plane. */
export const make = <
  A,
  I,
  B,
  J,
  E extends ErrorBody.PortError | Refusal.Refusal,
  E2 extends ErrorBody.PortError | Refusal.Refusal,
>(options: {
  readonly name: string
  readonly description: string
  readonly input: Schema.Schema<A, I>
  readonly output?: Schema.Schema<B, J>
  readonly annotations: Annotations
  readonly call: (input: A, call: Call) => Effect.Effect<Outcome<E2>, E>
}): Tool => {
  const decode = Schema.decodeUnknown(options.input, { onExcessProperty: "error" })
  return {
    name: options.name,
    description: options.description,
    inputSchema: jsonSchemaOf(options.input),
    ...(options.output === undefined ? {} : { outputSchema: jsonSchemaOf(options.output) }),
    annotations: options.annotations,
    call: (args, call) =>
      answered(
        decode(args).pipe(
          Effect.mapError(invalid(options.name)),
          Effect.flatMap((input) => options.call(input, call)),
          Effect.map((outcome): Outcome => ({
            ...outcome,
            result: answered(outcome.result, (problem) => problem),
          })),
        ),
        (problem): Outcome => ({ result: Effect.succeed(problem) }),
      ),
  }
}
