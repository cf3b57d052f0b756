/**
 * Names of the threads of clients, each of which is a conversation.
 *
 * Source: docs/decisions/0015-ag-ui-endpoint.md
 */
import { Schema } from "effect"
import { uuidOf } from "./Digest.js"
import { ConversationId, type ProjectId } from "./Ids.js"

const isConversationId = Schema.is(ConversationId)

/**
 * The conversation of a thread, which may not exist yet. A UUID is the conversation's own id; any other name leads to the same one of the
 * project each time.
 */
export const conversationIdOf = (projectId: ProjectId, name: string): ConversationId =>
  isConversationId(name) ? name : ConversationId.make(uuidOf(`${projectId}\n${name}`))
