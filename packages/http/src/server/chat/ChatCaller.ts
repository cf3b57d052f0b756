/**
 * The callers of the routes of a chat, by what they do: it reads, it writes, or it stops.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Thread from "../agui/Thread.js"
import * as Caller from "../Caller.js"

/** The ports of the caller's project, and the conversation of that name. */
const open = Effect.fnUntraced(function* (chatId: string) {
  const { projectId } = yield* Caller.apiKey
  return { ports: yield* Caller.ports, thread: yield* Thread.make(projectId, chatId), projectId }
})

/** For `GET /chat/{agent_id}/{chat_id}/stream`. */
export const reader = open

/** For `POST /chat/{agent_id}`. */
export const writer = open

/** For `POST /chat/{agent_id}/{chat_id}/stop`. */
export const stopper = open
