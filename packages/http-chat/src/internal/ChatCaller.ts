/**
 * The callers of the routes of a chat: an API key, or a page whose token has the scope, is bound to the conversation, and is for the agent.
 *
 * Source: docs/decisions/0109-tokens-for-browsers.md
 */
import type { BrowserToken, Ids } from "@runlease/core"
import { CurrentPrincipal } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import * as Caller from "@runlease/http/face/Caller"
import type { PortError } from "@runlease/http/face/ErrorBody"
import type * as Face from "@runlease/http/face/Face"
import * as Thread from "@runlease/http/face/Thread"
import { Effect } from "effect"

/** The chat of an agent, as the path or the body of a request names it in that field. */
interface Named {
  readonly agentId: Ids.AgentId
  readonly chatId: string
  readonly field: "id" | "chat_id"
}

/** `mayStop`: whether the caller may stop the runs of the chat. */
interface Opened {
  readonly ports: Caller.Ports
  readonly thread: Thread.Thread
  readonly mayStop: boolean
}

const notFound = ({ chatId, field }: Named) =>
  Refusal.make(404, "chat_not_found", `Chat ${chatId} does not exist for this token, which is for another`, {
    field,
  })

const open = (scopes: ReadonlyArray<BrowserToken.Scope>) =>
  Effect.fnUntraced(function* (
    named: Named,
  ): Effect.fn.Return<Opened, Refusal.Refusal | PortError, Face.Requirements> {
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
