/** The tools of a request to the model: those of the worker and those of the client, described by JSON schema. */
import { Tool, Toolkit } from "@effect/ai"
import { Executor, type RequestSnapshot } from "@runlease/core"
import { Effect, Schema } from "effect"

/** A tool of the client, as AG-UI has it in `RunAgentInput.tools`. */
const ClientTool = Schema.Struct({
  name: Schema.NonEmptyString,
  description: Schema.optional(Schema.String),
  parameters: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
})
export type ClientTool = typeof ClientTool.Type

const decodeClientTools = Schema.decodeUnknown(Schema.Array(ClientTool))

/** The client's tools that no tool of the worker hides. */
export const clientTools = (
  snapshot: RequestSnapshot.RequestSnapshot,
  own: Readonly<Record<string, Tool.Any>>,
): Effect.Effect<ReadonlyArray<ClientTool>, Executor.ExecutorError> =>
  Effect.mapBoth(decodeClientTools(snapshot.tools), {
    onSuccess: (tools) => tools.filter(({ name }) => !Object.hasOwn(own, name)),
    onFailure: (error) =>
      new Executor.ExecutorError({
        code: "bad_tools",
        message: `The request's tools must be AG-UI tools with a name and a JSON schema: ${error.message}`,
      }),
  })

/**
 * Accepts any object as arguments. Arguments that do not fit must not end the whole answer: the call fails later and the
 * model receives the error.
 */
const open = (jsonSchema: object) =>
  Schema.Struct({}, { key: Schema.String, value: Schema.Unknown }).annotations({ jsonSchema })

/** A tool that takes any object. */
export const openTool = (name: string, description: string | undefined, jsonSchema: object) =>
  Tool.make(name, { description }).setParameters(open({ type: "object", properties: {}, ...jsonSchema }))

const openOf = (tool: Tool.Any): Tool.Any =>
  Tool.isProviderDefined(tool)
    ? tool
    : openTool(
        tool.name,
        tool.description ?? Tool.getDescriptionFromSchemaAst(tool.parametersSchema.ast),
        Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast),
      )

/** The tools as a request to the model takes them. Undefined when there are none. */
export const toolkit = (
  own: Readonly<Record<string, Tool.Any>>,
  client: ReadonlyArray<ClientTool>,
): Toolkit.WithHandler<Record<string, Tool.Any>> | undefined => {
  const tools = [
    ...Object.values(own).map(openOf),
    ...client.map(({ description, name, parameters }) => openTool(name, description, parameters ?? {})),
  ]
  if (tools.length === 0) return undefined
  return {
    tools: Toolkit.make(...tools).tools,
    handle: (name) => Effect.dieMessage(`${String(name)} is called by the executor, not by the model`),
  }
}
