/** The job of an agent in BullMQ, and the stream of its deltas. */
import type { Answer, Message, Note } from "../src/agent/Conversation.js"

/** What an agent has done, and its next step. */
export interface Data {
  readonly messages: ReadonlyArray<Message>
  readonly step: "answer" | "note" | "weather" | "end"
  readonly answers: number
  readonly said?: Answer
  readonly note?: Note
}

/** The name of the stream of a job, of the queue `name`. */
export const streamOf = (name: string, job: string): string => `${name}:deltas:${job}`
