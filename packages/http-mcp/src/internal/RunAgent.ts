/**
 * The tool that begins a run, and what the tools of single agents do.
 *
 * A call becomes a task where its client takes tasks: the id of the task is that of the run. Another client gets the outcome, or after a
 * while the run as it is, with its id.
 */
import { Ids, RequestSnapshot, Runs } from "@runlease/core"
import * as Refusal from "@runlease/http/Refusal"
import { Context, Effect, Schema } from "effect"
import type { Call } from "./Call.js"
import * as RunTools from "./RunTools.js"
import * as RunView from "./RunView.js"
import * as Tasks from "./Tasks.js"
import * as Tool from "./Tool.js"
import * as Wait from "./Wait.js"

/** What a run is begun with. */
export interface Order {
  readonly agentId: Ids.AgentId
  readonly message?: string | undefined
  readonly input?: unknown
  readonly conversationId?: Ids.ConversationId | undefined
  readonly runId?: Ids.RunId | undefined
}

const snapshotOf = ({ input, message }: Order, { traceContext }: Call): RequestSnapshot.RequestSnapshot => ({
  ...(message === undefined ? RequestSnapshot.empty : RequestSnapshot.fromText(message)),
  ...(input === undefined ? {} : { input }),
  ...(traceContext === undefined ? {} : { traceContext }),
})

const nothing = Refusal.make(422, "invalid_arguments", "An agent needs a `message` or an `input`")

/** Submits the run, once for an id or a key, and waits for it. */
export const begin = Effect.fnUntraced(function* (order: Order, call: Call, seconds: number) {
  if (order.message === undefined && order.input === undefined) return yield* nothing
  const { agentId, conversationId } = order
  const publicId = order.runId ?? call.runId
  const snapshot = snapshotOf(order, call)
  yield* call.admit({ agentId, snapshot, publicId })
  const { run } = yield* Context.get(call.ports, Runs.Runs).submit({
    agentId,
    snapshot,
    ...(publicId === undefined ? {} : { publicId }),
    ...(order.runId === undefined ? { derived: true } : {}),
    ...(conversationId === undefined ? {} : { conversationId }),
  })
  return call.era.tasks ? Tasks.created(run) : Wait.until(call, run, seconds)
})

export const tool: Tool.Tool = Tool.make({
  name: "run_agent",
  description:
    "Begins a run of an agent and waits for its end. The run is durable: it goes on when this call ends before it does, and get_run finds it by the run_id of the answer.",
  input: Schema.Struct({
    agent_id: Tool.shownAs(Ids.NewAgentId, { type: "string", description: "The agent that is to work" }),
    message: Schema.optional(
      Tool.shownAs(Ids.StorableText, { type: "string", description: "What the agent is to do, as text" }),
    ),
    input: Schema.optional(
      Tool.shownAs(Schema.Unknown, {
        description:
          "The payload of an agent that takes a value, as JSON, instead of the message or beside it",
      }),
    ),
    conversation_id: Schema.optional(
      Tool.shownAs(Ids.ConversationId, {
        type: "string",
        description: "The conversation of the run, a UUID; a new one when absent",
      }),
    ),
    run_id: Schema.optional(
      Tool.shownAs(Ids.NewRunId, {
        type: "string",
        description:
          "An id of your choice: the same call again finds the same run instead of beginning another",
      }),
    ),
    wait_seconds: RunTools.waitSeconds(Wait.defaultSeconds),
  }),
  output: RunView.RunView,
  annotations: { title: "Run an agent", destructiveHint: true, openWorldHint: true },
  call: ({ agent_id, conversation_id, input, message, run_id, wait_seconds }, call) =>
    begin(
      { agentId: agent_id, conversationId: conversation_id, input, message, runId: run_id },
      call,
      wait_seconds,
    ),
})
