/** How an agent of Restate is called, and where its deltas go. */
import type { Message } from "../src/agent/Conversation.js"

/** The name of the object that has the topics. */
export const pubsub = "pubsub"

export interface Submission {
  readonly topic: string
  readonly messages: ReadonlyArray<Message>
}
