/**
 * One tool for each agent that a worker in contact names.
 *
 * The name of the tool is the agent's id. An agent whose id is no name of a tool, or that of another tool here, is run by `run_agent`.
 */
import { type Ids, WorkerMetadata, type WorkerRegistry } from "@runlease/core"
import * as WorkersInContact from "@runlease/core/WorkersInContact"
import * as Refusal from "@runlease/http/Refusal"
import { Effect, Option, Predicate, Schema } from "effect"
import type { Call, Outcome, Project } from "./Call.js"
import type * as JsonRpc from "./JsonRpc.js"
import * as RunAgent from "./RunAgent.js"
import * as Tool from "./Tool.js"
import * as Wait from "./Wait.js"

/** The names that models take. */
const isName = Schema.is(Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_.-]{1,128}$/)))

interface Declared {
  readonly agentId: Ids.AgentId
  readonly description: string | undefined
  readonly form: JsonRpc.Params | undefined
}

/** What a worker says of an agent to AG-UI clients: `metadata.capabilities[agentId].identity.description`. */
const descriptionOf = (metadata: unknown, agentId: Ids.AgentId): string | undefined => {
  const at = ["capabilities", agentId, "identity", "description"].reduce<unknown>(
    (node, key) => (Predicate.isRecord(node) && Object.hasOwn(node, key) ? node[key] : undefined),
    metadata,
  )
  return Predicate.isString(at) && at !== "" ? at : undefined
}

const declaredBy = ({ metadata }: WorkerRegistry.RegisteredWorker): ReadonlyArray<Declared> =>
  Option.match(WorkerMetadata.of(metadata), {
    onNone: () => [],
    onSome: ({ agents, forms = {} }) =>
      [...new Set([...(agents ?? []), ...(Object.keys(forms) as Array<Ids.AgentId>)])].map((agentId) => {
        const form = forms[agentId]
        return {
          agentId,
          description: descriptionOf(metadata, agentId),
          form: Predicate.isRecord(form) ? form : undefined,
        }
      }),
  })

const textSchema = {
  type: "object",
  properties: { message: { type: "string", description: "What the agent is to do" } },
  required: ["message"],
  additionalProperties: false,
}

const isObject = (form: JsonRpc.Params | undefined): form is JsonRpc.Params & { readonly type: "object" } =>
  form?.["type"] === "object"

const schemaOf = ({ form }: Declared): object => {
  if (form === undefined) return textSchema
  return isObject(form) ? form : { type: "object", properties: { input: form }, required: ["input"] }
}

const noMessage = Refusal.make(422, "invalid_arguments", "The agent needs `message`, a text")

const orderOf = (
  { agentId, form }: Declared,
  args: JsonRpc.Params,
): Effect.Effect<RunAgent.Order, Refusal.Refusal> => {
  if (form !== undefined) return Effect.succeed({ agentId, input: isObject(form) ? args : args["input"] })
  const message = args["message"]
  return Predicate.isString(message) ? Effect.succeed({ agentId, message }) : Effect.fail(noMessage)
}

const toolOf = (declared: Declared): Tool.Tool => ({
  name: declared.agentId,
  description: declared.description ?? `Runs the agent ${declared.agentId} and waits for its end.`,
  inputSchema: schemaOf(declared),
  annotations: { title: declared.agentId, destructiveHint: true, openWorldHint: true },
  call: (args: JsonRpc.Params, call: Call) =>
    Tool.answered(
      Effect.flatMap(orderOf(declared, args), (order) =>
        Effect.map(RunAgent.begin(order, call, Wait.defaultSeconds), (outcome): Outcome => ({
          ...outcome,
          result: Tool.answered(outcome.result, (problem) => problem),
        })),
      ),
      (problem): Outcome => ({ result: Effect.succeed(problem) }),
    ),
})

/** The tools of agents, in the order of their names, without those whose names are `reserved`. */
export const list = ({ ports }: Project, reserved: ReadonlySet<string>) =>
  Effect.map(WorkersInContact.list(ports), (workers): ReadonlyArray<Tool.Tool> => {
    const agents = new Map<string, Declared>()
    for (const declared of workers.flatMap(declaredBy)) {
      const { agentId } = declared
      if (!isName(agentId) || reserved.has(agentId)) continue
      const before = agents.get(agentId)
      agents.set(agentId, {
        agentId,
        description: before?.description ?? declared.description,
        form: before?.form ?? declared.form,
      })
    }
    return Array.from(agents.values())
      .toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1))
      .map(toolOf)
  })
