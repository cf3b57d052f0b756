/**
 * The interrupts of a run as questions that an MCP client puts to its user, and the answers back.
 *
 * A client shows a flat form. An interrupt whose payload is no flat object becomes a form with one field, `answer`.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation
 */
import { type Interrupt, ResumeRules, type Run } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import { Option, Predicate, Schema } from "effect"
import type * as JsonRpc from "./JsonRpc.js"

/** The field of a form for a payload that is no flat object. */
const field = "answer"

const plainTypes: ReadonlySet<unknown> = new Set(["string", "number", "integer", "boolean"])

/** Keywords that a client's forms know. A client may refuse a schema with others. */
const formKeywords: ReadonlySet<string> = new Set([
  "type",
  "title",
  "description",
  "default",
  "enum",
  "enumNames",
  "oneOf",
  "minLength",
  "maxLength",
  "format",
  "pattern",
  "minimum",
  "maximum",
])

const isPlain = (schema: unknown): schema is JsonRpc.Params =>
  Predicate.isRecord(schema) &&
  plainTypes.has(schema["type"]) &&
  Object.keys(schema).every((key) => formKeywords.has(key))

const isFlat = (
  schema: Interrupt.Interrupt["responseSchema"],
): schema is JsonRpc.Params & { readonly properties: JsonRpc.Params } =>
  schema !== undefined &&
  schema["type"] === "object" &&
  Predicate.isRecord(schema["properties"]) &&
  Object.values(schema["properties"]).every(isPlain)

const formOf = ({ responseSchema: schema }: Interrupt.Interrupt): JsonRpc.Params => {
  if (isFlat(schema)) {
    return {
      type: "object",
      properties: schema.properties,
      ...(Array.isArray(schema["required"]) ? { required: schema["required"] } : {}),
    }
  }
  const answer = isPlain(schema)
    ? schema
    : {
        type: "string",
        ...(schema === undefined
          ? {}
          : { description: `JSON that fits ${JSON.stringify(schema)}`.slice(0, 2000) }),
      }
  return { type: "object", properties: { [field]: answer }, required: [field] }
}

const parse = Schema.decodeUnknownOption(Schema.parseJson())

/** The payload of a filled form. */
const payloadOf = ({ responseSchema }: Interrupt.Interrupt, content: JsonRpc.Params): unknown => {
  if (isFlat(responseSchema)) return content
  const answer = content[field]
  return responseSchema === undefined || isPlain(responseSchema) || !Predicate.isString(answer)
    ? answer
    : Option.getOrElse(parse(answer), () => answer)
}

/** How much of what a question is about a form shows, in UTF-16 units. */
const maxAbout = 4_000

/** The question, above what it is about: a form shows nothing else of it. */
const messageOf = (
  { runId }: Run.Run,
  { id, message, metadata, toolArguments, toolName }: Interrupt.Interrupt,
): string => {
  const question = message ?? `Run ${runId} waits for ${toolName ?? id}`
  const about = metadata?.["about"] ?? toolArguments
  if (about === undefined) return question
  const text = Predicate.isString(about) ? about : JSON.stringify(about, null, 2)
  return `${question}\n\n${ToolArguments.cut(text, maxAbout)}`
}

/** An interrupt of a later wait may have the id of an earlier one; each wait has its own epoch. */
const keyOf = ({ leaseEpoch }: Run.Run, { id }: Interrupt.Interrupt): string => `${leaseEpoch}:${id}`

/** What the run waits for, as requests to its client, by key. No two requests of one run have the same key. */
export const requestsOf = (run: Run.Run): JsonRpc.Params =>
  Object.fromEntries(
    ResumeRules.openOf(run).map((interrupt) => [
      keyOf(run, interrupt),
      {
        method: "elicitation/create",
        params: {
          mode: "form",
          message: messageOf(run, interrupt),
          requestedSchema: formOf(interrupt),
        },
      },
    ]),
  )

const ElicitResult = Schema.Struct({
  action: Schema.Literal("accept", "decline", "cancel"),
  content: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
})

/** Responses to requests of a task, by key. */
export const Responses = Schema.Record({ key: Schema.String, value: ElicitResult })
export type Responses = typeof Responses.Type

/** The answers to what the run waits for. A response to something else is none, such as one to a wait that is over. */
export const answersOf = (run: Run.Run, responses: Responses): ReadonlyArray<Interrupt.Answer> =>
  ResumeRules.openOf(run).flatMap((interrupt): ReadonlyArray<Interrupt.Answer> => {
    const response = responses[keyOf(run, interrupt)]
    if (response === undefined) return []
    return response.action === "accept"
      ? [
          {
            interruptId: interrupt.id,
            status: "resolved",
            payload: payloadOf(interrupt, response.content ?? {}),
          },
        ]
      : [{ interruptId: interrupt.id, status: "cancelled" }]
  })
