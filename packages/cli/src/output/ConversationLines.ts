/**
 * How conversations and their messages are printed.
 */
import type { Conversations } from "@runlease/core"
import * as ConversationWire from "@runlease/http/ConversationWire"
import { DateTime, Schema } from "effect"

/** A conversation as the API shows it. */
export const toJson = Schema.encodeSync(ConversationWire.Conversation)

/** A message as the API shows it. */
export const messageToJson = Schema.encodeSync(ConversationWire.Message)

export const headings = ["CONVERSATION", "UPDATED", "TITLE"]

export const toRow = ({ id, title, updatedAt }: Conversations.Conversation): ReadonlyArray<string> => [
  id,
  DateTime.formatIso(updatedAt),
  title ?? "",
]

export const toText = ({ createdAt, id, metadata, title, updatedAt }: Conversations.Conversation): string =>
  [
    `conversation  ${id}`,
    ...(title === null ? [] : [`title         ${title}`]),
    `created       ${DateTime.formatIso(createdAt)}`,
    `updated       ${DateTime.formatIso(updatedAt)}`,
    ...(metadata === null ? [] : [`metadata      ${JSON.stringify(metadata)}`]),
  ].join("\n")

/** A message as text: its texts as they are, and the type of each other part. */
export const messageToText = ({ parts, role }: Conversations.ConversationMessage): string => {
  const shown = parts.map((part) =>
    part.type === "text" && typeof part["text"] === "string" ? part["text"] : `[${part.type}]`,
  )
  return `${role}: ${shown.join(" ")}`
}
