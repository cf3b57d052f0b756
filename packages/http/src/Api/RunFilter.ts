/** Which runs a list has, as its query says it. Server/MetadataQuery.ts reads the conditions whose names have a path in them. */
import { Ids, OneOrMore, Run, type Summaries } from "@runlease/core"
import { Schema } from "effect"
import { integerText, pageParams, Timestamp } from "../Wire.js"
import * as Labels from "../Wire/Labels.js"

/** A condition that may stand there several times: the runs have one of its values. */
export const repeated = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(
    Schema.Array(schema).pipe(
      Schema.minItems(1),
      Schema.maxItems(OneOrMore.maxValues, {
        message: () => `must be there at most ${OneOrMore.maxValues} times`,
      }),
    ),
  )

const code = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200))

/** What the runs of a list have in common, but their status. `target_id[]` is the public API's name of an agent. */
const common = {
  agent_id: repeated(Ids.AgentId),
  "target_id[]": repeated(Ids.AgentId),
  "target_type[]": repeated(Schema.Literal("agent")),
  conversation_id: Schema.optional(Ids.ConversationId),
  parent_run_id: Schema.optional(Ids.RunId),
  label: Labels.inQuery,
  error_code: repeated(code),
  "error.code": repeated(code),
  roots: Schema.optional(Schema.BooleanFromString),
  root_only: Schema.optional(Schema.BooleanFromString),
}

/** The query of a list of runs: a page of it, its order, and what its runs have in common. */
const params = {
  ...pageParams,
  sort_by: Schema.optional(Schema.Literal("created_at")),
  sort_order: Schema.optional(Schema.Literal("asc", "desc")),
  status: repeated(Run.RunStatus),
  "status[]": repeated(Run.RunStatus),
  ...common,
}

/** The same, and between which instants its runs were submitted. */
export const listParams = {
  ...params,
  created_after: Schema.optional(Timestamp),
  created_before: Schema.optional(Timestamp),
}

/** A text that a title has. */
export const searchText = Schema.optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200)))

/** The further conditions of a search. */
const searched = {
  text: searchText,
  from: Schema.optional(Timestamp),
  to: Schema.optional(Timestamp),
  attempt: Schema.optional(integerText(1, 1_000_000)),
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

/** The values of two names of one condition. */
const either = <A>(
  one: ReadonlyArray<A> | undefined,
  other: ReadonlyArray<A> | undefined,
): ReadonlyArray<A> | undefined =>
  one === undefined || other === undefined ? (one ?? other) : [...one, ...other]

const commonOf = (query: typeof Common.Type) => ({
  agentId: either(query.agent_id, query["target_id[]"]),
  conversationId: query.conversation_id,
  parentRunId: query.parent_run_id,
  labels: query.label,
  errorCode: either(query.error_code, query["error.code"]),
  roots: query.roots === true || query.root_only === true,
})

/** The same as the ports take it. */
const toFilter = (query: typeof Params.Type) => ({
  cursor: query.cursor,
  limit: query.limit,
  oldestFirst: query.sort_order === "asc",
  status: either(query.status, query["status[]"]),
  ...commonOf(query),
})

/** The query of a list as the ports take it. */
export const toList = (query: typeof ListParams.Type) => ({
  ...toFilter(query),
  from: query.created_after,
  to: query.created_before,
})

/** The query of counts as the ports take it. */
export const toCountFilter = (query: typeof CountParams.Type): Summaries.SummaryFilter => ({
  ...commonOf(query),
  text: query.text,
  from: query.from,
  to: query.to,
  attempt: query.attempt,
})

/** The query of a search as the ports take it. */
export const toSearch = (query: typeof SearchParams.Type) => ({ ...toFilter(query), ...toCountFilter(query) })

/** The name of the condition on a value of metadata. */
export const metadataName = (path: string): string => `metadata.${path}`
