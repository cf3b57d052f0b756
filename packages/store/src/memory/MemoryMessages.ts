/**
 * The messages that commits add to conversations in memory.
 */
import type { ConversationMessage } from "@runlease/core/Conversations"
import { DateTime } from "effect"
import type { RunSpec } from "../rules/RunState.js"
import type { UserMessage } from "../rows/RunRows.js"
import * as State from "./State.js"

const conversationOf = (state: State.State, { conversationId, projectId }: RunSpec) =>
  State.projectOf(state, projectId).conversations.get(conversationId)!

/** Adds a message of a user to the conversation of a run. */
export const addMessage = (state: State.State, spec: RunSpec, { id, key, parts }: UserMessage): void => {
  const record = conversationOf(state, spec)
  const at = DateTime.unsafeMake(state.instant)
  const message: ConversationMessage = {
    id,
    conversationId: spec.conversationId,
    role: "user",
    parts,
    parentId: null,
    metadata: null,
    createdAt: at,
  }
  record.messages.push(message)
  if (key !== undefined) record.byIdempotencyKey.set(key, message)
  record.conversation = { ...record.conversation, updatedAt: at }
}

/** Removes the message that was added last. */
export const removeMessage = (state: State.State, spec: RunSpec, { key }: UserMessage): void => {
  const record = conversationOf(state, spec)
  record.messages.pop()
  if (key !== undefined) record.byIdempotencyKey.delete(key)
}
