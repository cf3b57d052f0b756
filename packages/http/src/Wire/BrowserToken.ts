/** Tokens for browsers on the wire. */
import { BrowserToken, type BrowserTokens, Ids, Labels } from "@runlease/core"
import { type DateTime, Duration, Redacted, Schema } from "effect"
import { as, nullish, Timestamp } from "../Wire.js"

/** Seconds. The longest that a token lasts. */
export const maxSeconds = Duration.toSeconds(BrowserToken.maxLifetime)

/** The label of a token: one name, and its value. */
const OneLabel = Labels.Labels.pipe(
  Schema.filter((labels) => Object.keys(labels).length === 1 || "must be one name with its value", {
    jsonSchema: { minProperties: 1, maxProperties: 1 },
  }),
)

/** What a token is bound to; one of them is there. */
const bounds = {
  conversation_id: nullish(Ids.ConversationId).annotations({
    description: "The conversation, which need not exist yet",
  }),
  thread_id: nullish(Ids.text(1024)).annotations({
    description:
      "The thread of an AG-UI client, by the name that the client has for it; it need not exist yet",
  }),
  run_id: nullish(Ids.RunId).annotations({ description: "The run, without its children" }),
  label: nullish(OneLabel).annotations({
    description: 'The runs that have the label, their children included: {"customer": "42"}',
  }),
}

const names = ["conversation_id", "thread_id", "run_id", "label"] as const

const wire = Schema.Struct({
  scopes: Schema.NonEmptyArray(BrowserToken.Scope).pipe(Schema.maxItems(BrowserToken.Scope.literals.length)),
  ...bounds,
  agent_ids: nullish(
    Schema.Array(Ids.AgentId).pipe(Schema.minItems(1), Schema.maxItems(BrowserToken.maxAgents)),
  ).annotations({ description: "The runs of these agents alone; of all when absent" }),
  expires_in_seconds: nullish(Schema.Int.pipe(Schema.between(1, maxSeconds))).annotations({
    description: `1 to ${maxSeconds}; 900 when absent`,
  }),
}).pipe(
  Schema.filter((token) => {
    const present = names.filter((name) => token[name] != null)
    return present.length === 1
      ? undefined
      : {
          path: [present[1] ?? "conversation_id"],
          message:
            present.length === 0
              ? `must be there, or one of ${names.slice(1).join(", ")}: a token is bound to one thing`
              : `and ${present[0]} are both there: a token is bound to one thing`,
        }
  }),
)

type Wire = typeof wire.Type

const boundOf = ({ conversation_id, label, run_id, thread_id }: Wire): BrowserTokens.BoundTo => {
  if (conversation_id != null) return { _tag: "Conversation", conversationId: conversation_id }
  if (run_id != null) return { _tag: "Run", runId: run_id }
  const [one] = Labels.entries(label ?? Labels.none)
  return one === undefined
    ? { _tag: "Thread", threadId: thread_id ?? "" }
    : { _tag: "Label", name: one[0], value: one[1] }
}

/** The field of what a token is bound to. */
export const fieldOf = (
  bound: BrowserTokens.BoundTo,
): Pick<Wire, "conversation_id" | "thread_id" | "run_id" | "label"> => {
  switch (bound._tag) {
    case "Conversation":
      return { conversation_id: bound.conversationId }
    case "Thread":
      return { thread_id: bound.threadId }
    case "Run":
      return { run_id: bound.runId }
    case "Label":
      return { label: { [bound.name]: bound.value } }
  }
}

export const NewToken = as<BrowserTokens.NewToken>()(wire, {
  decode: (token) => ({
    scopes: token.scopes,
    boundTo: boundOf(token),
    ...(token.agent_ids == null ? {} : { agentIds: token.agent_ids }),
    ...(token.expires_in_seconds == null ? {} : { expiresIn: Duration.seconds(token.expires_in_seconds) }),
  }),
  encode: ({ agentIds, boundTo, expiresIn, scopes }) => ({
    scopes,
    ...fieldOf(boundTo),
    agent_ids: agentIds,
    expires_in_seconds: expiresIn === undefined ? undefined : Math.ceil(Duration.toSeconds(expiresIn)),
  }),
}).annotations({ identifier: "NewBrowserToken" })

/** A token that was made, and what it is bound to. A thread is its conversation. */
export const Issued = Schema.Struct({
  token: Schema.String,
  scopes: Schema.Array(BrowserToken.Scope),
  conversation_id: Schema.NullOr(Ids.ConversationId),
  run_id: Schema.NullOr(Ids.RunId),
  label: Schema.NullOr(Labels.Labels),
  agent_ids: Schema.NullOr(Schema.Array(Ids.AgentId)),
  expires_at: Timestamp,
}).annotations({ identifier: "BrowserToken" })

/** The answer of a server that made a token. */
export const toIssued = (
  { agentIds, scopes }: BrowserTokens.NewToken,
  bound: BrowserToken.Bound,
  { expiresAt, token }: { readonly token: Redacted.Redacted; readonly expiresAt: DateTime.Utc },
): typeof Issued.Type => {
  const { conversation_id = null, label = null, run_id = null } = fieldOf(bound)
  return {
    token: Redacted.value(token),
    scopes,
    conversation_id,
    run_id,
    label,
    agent_ids: agentIds ?? null,
    expires_at: expiresAt,
  }
}
