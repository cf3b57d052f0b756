/**
 * Which runs a list has, as its query says it.
 *
 * @since 0.1.0
 */
import { Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { integerText, pageParams, Timestamp } from "../Wire.js"
import * as Labels from "../Wire/Labels.js"

/** What the runs of a list have in common, but their status. */
const common = {
  agent_id: Schema.optional(Ids.AgentId),
  conversation_id: Schema.optional(Ids.ConversationId),
  parent_run_id: Schema.optional(Ids.RunId),
  label: Labels.inQuery,
}

/** The query of a list of runs: a page of it, and what its runs have in common. */
const params = { ...pageParams, status: Schema.optional(Run.RunStatus), ...common }

/** The same, and between which instants its runs were submitted. */
export const listParams = {
  ...params,
  created_after: Schema.optional(Timestamp),
  created_before: Schema.optional(Timestamp),
}

/** What a search looks for. */
const searched = {
  text: Schema.optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200))),
  from: Schema.optional(Timestamp),
  to: Schema.optional(Timestamp),
  attempt: Schema.optional(integerText(1, 1_000_000)),
  error_code: Schema.optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200))),
  roots: Schema.optional(Schema.BooleanFromString),
}

/** The query of a list that is searched. */
export const searchParams = { ...params, ...searched }

/** The query of the counts of such a list. */
export const countParams = { ...common, ...searched }

const Params = Schema.Struct(params)
const ListParams = Schema.Struct(listParams)
const Common = Schema.Struct(common)
const CountParams = Schema.Struct(countParams)
const SearchParams = Schema.Struct(searchParams)

const commonOf = (query: typeof Common.Type) => ({
  agentId: query.agent_id,
  conversationId: query.conversation_id,
  parentRunId: query.parent_run_id,
  labels: query.label,
})

/** The same as the ports take it. */
const toFilter = (query: typeof Params.Type) => ({
  cursor: query.cursor,
  limit: query.limit,
  status: query.status,
  ...commonOf(query),
})

/** The query of a list as the ports take it. */
export const toList = (query: typeof ListParams.Type) => ({
  ...toFilter(query),
  from: query.created_after,
  to: query.created_before,
})

/** The query of counts as the ports take it. */
export const toCountFilter = (query: typeof CountParams.Type) => ({
  ...commonOf(query),
  text: query.text,
  from: query.from,
  to: query.to,
  attempt: query.attempt,
  errorCode: query.error_code,
  roots: query.roots,
})

/** The query of a search as the ports take it. */
export const toSearch = (query: typeof SearchParams.Type) => ({ ...toFilter(query), ...toCountFilter(query) })
