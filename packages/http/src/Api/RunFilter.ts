/**
 * Which runs a list has, as its query says it.
 *
 * @since 0.1.0
 */
import { Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { pageParams } from "../Wire.js"

/** The query of a list of runs: a page of it, and what its runs have in common. */
export const params = {
  ...pageParams,
  status: Schema.optional(Run.RunStatus),
  agent_id: Schema.optional(Ids.AgentId),
  conversation_id: Schema.optional(Ids.ConversationId),
  parent_run_id: Schema.optional(Ids.RunId),
}

const Params = Schema.Struct(params)

/** The same as the ports take it. */
export const toFilter = (query: typeof Params.Type) => ({
  cursor: query.cursor,
  limit: query.limit,
  status: query.status,
  agentId: query.agent_id,
  conversationId: query.conversation_id,
  parentRunId: query.parent_run_id,
})
