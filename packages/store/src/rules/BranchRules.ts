/** Which messages a branch of a conversation has. */
import { type ConversationMessage, maxBranch } from "@runlease/core/Conversations"
import * as Digest from "@runlease/core/Digest"
import * as Ids from "@runlease/core/Ids"
import { lengthOf } from "@runlease/core/Json"

/** Whether messages of these sizes fit into a branch. */
export const fits = (sizes: ReadonlyArray<number>): boolean =>
  sizes.length <= maxBranch.messages && sizes.reduce((sum, bytes) => sum + bytes, 0) <= maxBranch.bytes

export const bytesOf = ({ metadata, parts }: ConversationMessage): number =>
  lengthOf(parts) + lengthOf(metadata)

/** The messages as those of the branch. Each has another id, and its parent is the copy of its parent. */
export const copies = (
  messages: ReadonlyArray<ConversationMessage>,
  conversationId: Ids.ConversationId,
): ReadonlyArray<ConversationMessage> => {
  const idOf = (id: string) => Ids.MessageId.make(Digest.uuidOf(`${conversationId}/${id}`))
  const copied = new Set<string>(messages.map(({ id }) => id))
  return messages.map((message) => ({
    ...message,
    id: idOf(message.id),
    conversationId,
    parentId:
      message.parentId !== null && copied.has(message.parentId) ? idOf(message.parentId) : message.parentId,
  }))
}
