/** A thread of an AG-UI client: a conversation, and what of it waits. */
import { type Ids, ResumeRules, type Run, Runs } from "@runlease/core"
import * as ThreadName from "@runlease/core/ThreadName"
import { Context, Effect } from "effect"
import * as ThreadNames from "../../agui/ThreadNames.js"
import * as Refusal from "../../contract/Refusal.js"
import type { Ports } from "../ProjectPorts.js"

/** `id` is the client's own. */
export interface Thread {
  readonly id: string
  readonly conversationId: Ids.ConversationId
}

export const make = (projectId: Ids.ProjectId, id: string): Effect.Effect<Thread> =>
  Effect.sync(() => ({ id, conversationId: ThreadName.conversationIdOf(projectId, id) }))

const unnamed = Refusal.make(
  400,
  "thread_unnamed",
  `${ThreadNames.placeholder} is what a client says that names no thread; give your thread its own name`,
  { field: "thread_id" },
)

/** Refuses the name of no thread. */
export const checkName = (name: string): Effect.Effect<void, Refusal.Refusal> =>
  name === ThreadNames.placeholder ? unnamed : Effect.void

/** The refusal of a thread that a token for a browser is not bound to, whether or not it has runs. */
export const notFound = (id: string): Refusal.Refusal =>
  Refusal.make(404, "thread_not_found", `Thread ${id} does not exist for this token, which is for another`, {
    field: "thread_id",
  })

/** The interrupts of a run that have no answer and are no tools of its client. */
export const questionIds = (run: Run.Run): ReadonlyArray<string> =>
  ResumeRules.openOf(run).flatMap(({ clientTool, id }) => (clientTool === true ? [] : [id]))

/** Runs of the thread, newest first. */
export const runs = (
  ports: Ports,
  { conversationId }: Thread,
  filter: Omit<Runs.ListRuns, "conversationId">,
) => Effect.map(Context.get(ports, Runs.Runs).list({ ...filter, conversationId }), ({ items }) => items)
