/**
 * The callers of the routes of a chat: an API key, or a page whose token has the scope, is bound to the conversation, and is for the agent.
 *
 * Source: docs/decisions/0109-tokens-for-browsers.md
 */
import type { BrowserToken, Ids } from "@runlease/core"
import { Effect } from "effect"
import { CurrentPrincipal } from "../../contract/Principal.js"
import * as Refusal from "../../contract/Refusal.js"
import * as Thread from "../agui/Thread.js"
import * as Caller from "../Caller.js"

/** The chat of an agent, as the path or the body of a request names it in that field. */
interface Named {
  readonly agentId: Ids.AgentId
  readonly chatId: string
  readonly field: "id" | "chat_id"
}

const notFound = ({ chatId, field }: Named) =>
  Refusal.make(404, "chat_not_found", `Chat ${chatId} does not exist for this token, which is for another`, {
    field,
  })

const open = (scopes: ReadonlyArray<BrowserToken.Scope>) =>
  Effect.fnUntraced(function* (named: Named) {
    const { projectId } = yield* CurrentPrincipal
    const thread = yield* Thread.make(projectId, named.chatId)
    const ports = yield* Effect.catchTag(
      Caller.thread(scopes, thread.conversationId),
      "ConversationNotFound",
      () => notFound(named),
    )
    yield* Caller.agent(named.agentId)
    return { ports, thread, mayStop: yield* Caller.mayStop }
  })

/** For `GET /chat/{agent_id}/{chat_id}/stream`. */
export const reader = open(["read"])

/** For `POST /chat/{agent_id}`, which shows what it writes to. */
export const writer = open(["read", "write"])

/** For `POST /chat/{agent_id}/{chat_id}/stop`. */
export const stopper = open(["stop"])
