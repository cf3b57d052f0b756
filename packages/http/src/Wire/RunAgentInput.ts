/** The input with which an AG-UI client runs an agent. */
import type { RunAgentInputSchema } from "@ag-ui/core/schemas"
import { Ids } from "@runlease/core"
import { ParseResult, Predicate, Schema } from "effect"
import type { z } from "zod/v4"
import * as Leniency from "../agui/Leniency.js"
import * as ProtocolSchemas from "../agui/ProtocolSchemas.js"
import * as ThreadNames from "../agui/ThreadNames.js"
import { maxMessages, maxParts, maxTools } from "./Submission.js"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

// The lists of an AG-UI input, whose length the protocol leaves open.

/** A place of an input, and what it must be. */
interface Problem {
  readonly path: ReadonlyArray<PropertyKey>
  readonly says: string
}

type Lengths = Readonly<Record<string, number>>

type Properties = Readonly<Record<string, unknown>>

/** The most items of each list of an input. */
const ofInput: Lengths = { messages: maxMessages, tools: maxTools, context: maxTools, resume: maxMessages }

/** The most items of each list of a message. */
const ofMessage: Lengths = { toolCalls: maxParts, content: maxParts }

const lengths: Lengths = { ...ofInput, ...ofMessage }

const eachOf = (node: Properties, change: (value: unknown, name: string) => unknown): Properties =>
  Object.fromEntries(Object.entries(node).map(([name, value]) => [name, change(value, name)]))

/** The JSON Schema of an input, with the length of each list. `list` is the name of the property that the schema is for. */
const withLengths = (schema: Properties, list = ""): Properties => {
  const inner = eachOf(schema, (value, name) => {
    if (name === "properties" && Predicate.isRecord(value)) {
      return eachOf(value, (property, key) =>
        Predicate.isRecord(property) ? withLengths(property, key) : property,
      )
    }
    if (Array.isArray(value)) {
      return value.map((each) => (Predicate.isRecord(each) ? withLengths(each, list) : each))
    }
    return Predicate.isRecord(value) ? withLengths(value, list) : value
  })
  const maxItems = lengths[list]
  return inner["type"] === "array" && maxItems !== undefined ? { ...inner, maxItems } : inner
}

const within = (holder: unknown, most: Lengths, path: ReadonlyArray<PropertyKey>): Problem | undefined => {
  if (!Predicate.isRecord(holder)) return undefined
  for (const [name, max] of Object.entries(most)) {
    const list = holder[name]
    if (Array.isArray(list) && list.length > max) {
      return { path: [...path, name], says: `must hold at most ${max} items` }
    }
  }
  return undefined
}

/** The first list of an input that is too long. */
export const tooLong = (input: unknown): Problem | undefined => {
  const problem = within(input, ofInput, [])
  if (problem !== undefined || !Predicate.isRecord(input) || !Array.isArray(input["messages"])) return problem
  for (const [index, message] of input["messages"].entries()) {
    const inMessage = within(message, ofMessage, ["messages", index])
    if (inMessage !== undefined) return inMessage
  }
  return undefined
}

/** `runId` is the public id of the run, so it is one. `warnings` is what our log should say of the input. */
export type RunAgentInput = z.output<typeof RunAgentInputSchema> & {
  readonly runId: Ids.RunId
  readonly warnings: ReadonlyArray<string>
}

const ownRules = Schema.Struct({ threadId: Ids.text(1024), runId: Ids.NewRunId })

/** The innermost place where the input differs from AG-UI 1.0. */
const problemOf = (
  [issue]: ReadonlyArray<z.core.$ZodIssue>,
  outer: ReadonlyArray<PropertyKey> = [],
): Problem => {
  if (issue === undefined) return { path: outer, says: "does not fit AG-UI 1.0" }
  const path = [...outer, ...issue.path]
  if (issue.code !== "invalid_union") return { path, says: issue.message }
  const inner = issue.errors.at(-1) ?? []
  return inner.length === 0 ? { path, says: "must be one that AG-UI 1.0 names" } : problemOf(inner, path)
}

const describe = () => {
  const { required = [], ...jsonSchema } = ProtocolSchemas.jsonSchemaOf(ProtocolSchemas.RunAgentInputSchema)
  return {
    ...withLengths(jsonSchema),
    required: required.filter((name) => name !== "threadId"),
  }
}

/**
 * Decodes by the schema of the protocol. Fields that it does not name stay, and optional fields that are null count as
 * absent. Parts and messages of kinds that it does not name are left out.
 *
 * An input without `threadId` begins a new thread.
 *
 * Source: `RunAgentInputSchema` of `@ag-ui/core`.
 */
export const RunAgentInput: Schema.Schema<RunAgentInput, unknown> = Schema.declare(
  [],
  {
    decode: () => (encoded, options, ast) => {
      const refuse = ({ path, says }: Problem) => {
        const [first, ...rest] = path
        const issue = new ParseResult.Type(ast, encoded, says)
        return ParseResult.fail(
          first === undefined ? issue : new ParseResult.Pointer([first, ...rest], encoded, issue),
        )
      }
      const excess = tooLong(encoded)
      if (excess !== undefined) return refuse(excess)
      const { input: lenient, warnings } = Leniency.of(ThreadNames.named(encoded))
      const parsed = ProtocolSchemas.RunAgentInputSchema.safeParse(lenient)
      if (!parsed.success) return refuse(problemOf(parsed.error.issues))
      const input = parsed.data
      return ParseResult.map(ParseResult.validate(ownRules)(input, options), ({ runId }) => ({
        ...input,
        runId,
        warnings,
      }))
    },
    encode: () => ParseResult.succeed,
  },
  {
    identifier: "RunAgentInput",
    jsonSchema: WholeJsonSchema.lazy(describe),
  },
)
