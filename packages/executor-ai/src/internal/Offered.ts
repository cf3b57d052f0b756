/** The tools that a model is offered: the worker's own and the client's, both described by JSON schema alone. */
import { Tool, Toolkit } from "@effect/ai"
import { Executor, type RequestSnapshot } from "@runlease/core"
import { Effect, Schema } from "effect"

/** A tool of the client, as AG-UI has it in `RunAgentInput.tools`. */
const ClientTool = Schema.Struct({
  name: Schema.NonEmptyString,
  description: Schema.optional(Schema.String),
  parameters: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
})
type ClientTool = typeof ClientTool.Type

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
 * Any object passes: what a model gives that does not fit the tool is reported back to it where the call is made, and must
 * not end the model's whole answer.
 */
const open = (jsonSchema: object) =>
  Schema.Struct({}, { key: Schema.String, value: Schema.Unknown }).annotations({ jsonSchema })

const openTool = (name: string, description: string | undefined, jsonSchema: object): Tool.Any =>
  Tool.make(name, { description }).setParameters(open({ type: "object", properties: {}, ...jsonSchema }))

const openOf = (tool: Tool.Any): Tool.Any =>
  Tool.isProviderDefined(tool)
    ? tool
    : openTool(
        tool.name,
        tool.description ?? Tool.getDescriptionFromSchemaAst(tool.parametersSchema.ast),
        Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast),
      )

/** What a request to the model names, or undefined where there are no tools. */
export const offer = (
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
