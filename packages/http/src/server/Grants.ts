/**
 * What the grant of a token for a browser admits. What it does not reach does not exist for it; what its token may not do anywhere is
 * forbidden.
 *
 * Source: docs/decisions/0109-tokens-for-browsers.md
 */
import { type BrowserToken, Conversations, Ids, OneOrMore, Run, Runs, TreeBudget } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Context, Effect, Schema } from "effect"
import { nameOfBound } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import type { Ports } from "./ProjectPorts.js"

type Grant = BrowserToken.Grant

const forbidden = (detail: string, field?: string) =>
  Refusal.make(403, "forbidden", detail, field === undefined ? {} : { field })

/** Passes a grant that has all of these scopes. */
export const checkScopes = (
  grant: Grant,
  scopes: ReadonlyArray<BrowserToken.Scope>,
): Effect.Effect<void, Refusal.Refusal> => {
  const missing = scopes.find((scope) => !grant.scopes.includes(scope))
  return missing === undefined
    ? Effect.void
    : forbidden(
        `This token has no scope ${missing}, only ${grant.scopes.join(" and ")}; a page that does this needs a token with it`,
      )
}

const admitsAgent = ({ agentIds }: Grant, agentId: Ids.AgentId): boolean =>
  agentIds === undefined || agentIds.includes(agentId)

/** Passes an agent that the grant names, or any where it names none. */
export const checkAgent = (grant: Grant, agentId: Ids.AgentId): Effect.Effect<void, Refusal.Refusal> =>
  admitsAgent(grant, agentId)
    ? Effect.void
    : forbidden(`This token is for agents ${grant.agentIds?.join(", ")}, and not for ${agentId}`, "agent_id")

/** Whether a run is one of the grant's. Its id may be that of an input that it has accepted. */
const isReached = (grant: Grant, run: Run.Run, runId: Ids.RunId): boolean => {
  const { bound } = grant
  if (!admitsAgent(grant, run.agentId)) return false
  switch (bound._tag) {
    case "Conversation":
      return run.conversationId === bound.conversationId
    case "Run":
      return run.runId === bound.runId || runId === bound.runId
    case "Label":
      return run.labels[bound.name] === bound.value
  }
}

/** The run, where it is one of the grant's. */
export const findRun = Effect.fnUntraced(function* (grant: Grant, ports: Ports, runId: Ids.RunId) {
  const run = yield* Context.get(ports, Runs.Runs).get(runId)
  return isReached(grant, run, runId) ? run : yield* new Run.RunNotFound({ runId })
})

/**
 * Passes what a submission became where the grant reaches the run. A repeat finds the run that it was, which may have lost the label of the
 * grant since: its id is then another's.
 */
export const checkSubmitted = (
  grant: Grant,
  { run }: Runs.Submitted,
): Effect.Effect<void, Runs.SubmissionConflict> =>
  isReached(grant, run, run.runId) ? Effect.void : new Runs.SubmissionConflict({ publicId: run.runId })

/** The refusal of a token that is bound to no conversation. */
export const unbound = ({ bound }: Grant): Refusal.Refusal =>
  forbidden(
    `This token is bound to ${nameOfBound(bound)}, and this needs one that is bound to a conversation`,
  )

/** The conversation of a grant that is bound to one. */
export const conversationIn = ({ bound }: Grant): Ids.ConversationId | undefined =>
  bound._tag === "Conversation" ? bound.conversationId : undefined

/** The refusal of a message that a page writes for another role. */
export const notUser: Refusal.Refusal = forbidden(
  "A page adds messages of its user alone; role must be user",
  "role",
)

/** Passes the conversation of the grant. A token of a run or of a label has none: there may be other runs in one. */
export const checkConversation = (
  grant: Grant,
  conversationId: Ids.ConversationId,
): Effect.Effect<void, Refusal.Refusal | Conversations.ConversationNotFound> => {
  const own = conversationIn(grant)
  if (own === undefined) return unbound(grant)
  return own === conversationId ? Effect.void : new Conversations.ConversationNotFound({ conversationId })
}

/** Passes answers but those about a budget: more of it is for the server of the application to give. */
export const checkAnswers = (interruptIds: ReadonlyArray<string>): Effect.Effect<void, Refusal.Refusal> => {
  const ofBudget = interruptIds.find((id) => TreeBudget.isQuestionId(id))
  return ofBudget === undefined
    ? Effect.void
    : forbidden(
        `A token for a browser may not answer ${ofBudget}, which raises a budget; leave it to your server`,
        "resume",
      )
}

/** The agents of a list: those of the filter, where the grant names them all. */
const agentsOf = (grant: Grant, { agentId }: Runs.ListRuns) => {
  if (agentId === undefined) return Effect.succeed(grant.agentIds)
  return Effect.as(
    Effect.forEach(OneOrMore.valuesOf(agentId), (each) => checkAgent(grant, each), { discard: true }),
    agentId,
  )
}

/** The filter of a list, narrowed to the runs of the grant. */
export const narrow = Effect.fnUntraced(function* (grant: Grant, filter: Runs.ListRuns) {
  const { bound } = grant
  const narrowed: Runs.ListRuns = { ...filter, agentId: yield* agentsOf(grant, filter) }
  switch (bound._tag) {
    case "Conversation": {
      const { conversationId = bound.conversationId } = filter
      yield* checkConversation(grant, conversationId)
      return { ...narrowed, conversationId }
    }
    case "Label": {
      const value = filter.labels?.[bound.name] ?? bound.value
      if (value !== bound.value) {
        return yield* forbidden(`This token is bound to ${nameOfBound(bound)}, and not to ${value}`, "label")
      }
      return { ...narrowed, labels: { ...filter.labels, [bound.name]: value } }
    }
    case "Run":
      return yield* forbidden("This token is bound to one run, so it lists none; read the run by its id")
  }
})

const unfinished = ["running", "waiting", "pending"] as const

/** How many of them are read at once. */
const perPage = 100

/** Passes a conversation where all runs that have not ended are of agents of the grant. */
export const checkUnfinished = Effect.fnUntraced(function* (
  grant: Grant,
  ports: Ports,
  conversationId: Ids.ConversationId,
) {
  if (grant.agentIds === undefined) return
  const runs = Context.get(ports, Runs.Runs)
  for (const status of unfinished) {
    let cursor: string | undefined
    do {
      const { items, next } = yield* runs
        .list({ conversationId, status, limit: perPage, cursor })
        .pipe(Effect.catchTag("InvalidCursor", Effect.die))
      const other = items.find(({ agentId }) => !admitsAgent(grant, agentId))
      if (other !== undefined) {
        return yield* forbidden(
          `A run of agent ${other.agentId} has not ended in this conversation, and this token is for agents ${grant.agentIds.join(", ")}`,
        )
      }
      cursor = next ?? undefined
    } while (cursor !== undefined)
  }
})

/** What a page may say of a run that it submits. The rest is for the server of the application. */
const fields: ReadonlySet<string> = new Set<keyof Runs.Submission>([
  "agentId",
  "conversationId",
  "labels",
  "multitask",
  "parentRunId",
  "publicId",
  "snapshot",
])

/** The way to multitask must not stop or reach what the grant does not. */
const checkMultitask = (
  grant: Grant,
  { multitask }: Runs.Submission,
): Effect.Effect<void, Refusal.Refusal> => {
  if (multitask === "interrupt" || multitask === "latest") return checkScopes(grant, ["stop"])
  return multitask === "steer" && grant.agentIds !== undefined
    ? forbidden(
        "A token for some agents alone may not steer: the run that works may be another's",
        "multitask",
      )
    : Effect.void
}

/** The labels of a run: one of a label has that label, others have none by a page. */
const labelsOf = ({ bound }: Grant, { labels = {} }: Runs.Submission) => {
  const own = bound._tag === "Label" ? { [bound.name]: bound.value } : undefined
  const other = Object.entries(labels).find(([name, value]) => own?.[name] !== value)
  return other === undefined
    ? Effect.succeed(own)
    : forbidden(
        `This token is bound to ${nameOfBound(bound)}, so its runs do not get label ${other[0]}`,
        "labels",
      )
}

/** The conversation of a run: a run of a label gets a new one, since it would read the messages of another. */
const conversationOf = (grant: Grant, { conversationId }: Runs.Submission) => {
  const { bound } = grant
  switch (bound._tag) {
    case "Conversation":
      return Effect.as(checkConversation(grant, conversationId ?? bound.conversationId), bound.conversationId)
    case "Label":
      return conversationId === undefined
        ? Effect.succeed(undefined)
        : forbidden(
            "A run by a token of a label gets a new conversation, so leave it out; bind the token to a conversation for several turns",
            "owner",
          )
    case "Run":
      return forbidden("This token is bound to one run, so it submits none")
  }
}

const isUuid = Schema.is(Ids.Uuid)

/** Passes an id that nobody can guess. The store is not read, so the answer is the same for an id that a run has. */
const checkChosenId = (id: string | undefined): Effect.Effect<void, Refusal.Refusal> =>
  id === undefined || isUuid(id)
    ? Effect.void
    : forbidden(
        "A page may choose a UUID alone as the id of a run, since others can be guessed; take crypto.randomUUID()",
        "public_id",
      )

/** The submission as the grant admits it. */
export const admit = Effect.fnUntraced(function* (grant: Grant, ports: Ports, submission: Runs.Submission) {
  yield* checkScopes(grant, ["write"])
  yield* checkChosenId(submission.publicId)
  const conversationId = yield* conversationOf(grant, submission)
  const other = Object.entries(submission).find(([name, value]) => value !== undefined && !fields.has(name))
  if (other !== undefined) {
    const field = SnakeCase.snakeCase(other[0])
    return yield* forbidden(`A token for a browser may not give ${field}; leave it to your server`, field)
  }
  yield* checkAgent(grant, submission.agentId)
  yield* checkMultitask(grant, submission)
  const labels = yield* labelsOf(grant, submission)
  if (submission.parentRunId !== undefined) yield* findRun(grant, ports, submission.parentRunId)
  return { ...submission, conversationId, labels }
})
