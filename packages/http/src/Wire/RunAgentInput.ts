/** The input with which an AG-UI client runs an agent. */
import type { RunAgentInputSchema } from "@ag-ui/core/schemas"
import { Ids } from "@runlease/core"
import { ParseResult, Schema } from "effect"
import type { z } from "zod/v4"
import * as Leniency from "../agui/Leniency.js"
import * as ProtocolSchemas from "../agui/ProtocolSchemas.js"
import * as ThreadNames from "../agui/ThreadNames.js"
import * as InputLists from "./InputLists.js"
import * as LazyJsonSchema from "./LazyJsonSchema.js"

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
): InputLists.Problem => {
  if (issue === undefined) return { path: outer, says: "does not fit AG-UI 1.0" }
  const path = [...outer, ...issue.path]
  if (issue.code !== "invalid_union") return { path, says: issue.message }
  const inner = issue.errors.at(-1) ?? []
  return inner.length === 0 ? { path, says: "must be one that AG-UI 1.0 names" } : problemOf(inner, path)
}

const describe = () => {
  const { required = [], ...jsonSchema } = ProtocolSchemas.jsonSchemaOf(ProtocolSchemas.RunAgentInputSchema)
  return {
    ...InputLists.withLengths(jsonSchema),
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
      const refuse = ({ path, says }: InputLists.Problem) => {
        const [first, ...rest] = path
        const issue = new ParseResult.Type(ast, encoded, says)
        return ParseResult.fail(
          first === undefined ? issue : new ParseResult.Pointer([first, ...rest], encoded, issue),
        )
      }
      const tooLong = InputLists.tooLong(encoded)
      if (tooLong !== undefined) return refuse(tooLong)
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
    jsonSchema: LazyJsonSchema.of(describe),
  },
)
