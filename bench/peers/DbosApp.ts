/** What the app of the agents and that of the viewers share. */
import type { DBOSConfig } from "@dbos-inc/dbos-sdk"
import type { Message } from "../src/agent/Conversation.js"

/** The name of the stream of a workflow. */
export const stream = "deltas"

/** The pool of each process has 10 connections by default. */
export const configOf = (name: string, database: string): DBOSConfig => ({
  name,
  applicationVersion: name,
  logLevel: "error",
  systemDatabaseUrl: database,
  systemDatabasePoolSize: 24,
})

/** A request: the id of the workflow, and the conversation. */
export interface Submission {
  readonly id: string
  readonly messages: ReadonlyArray<Message>
}
