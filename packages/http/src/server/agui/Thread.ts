/**
 * A thread of an AG-UI client: a conversation, and what of it waits.
 *
 * @since 0.1.0
 */
import { Ids, type Run, Runs } from "@runlease/core"
import { Digest } from "@runlease/core/internal"
import { ResumeRules } from "@runlease/core/store"
import { Context, Effect, Schema } from "effect"
import type { Ports } from "../ProjectPortsCache.js"

/** `id` is the client's own. */
export interface Thread {
  readonly id: string
  readonly conversationId: Ids.ConversationId
}

const isConversationId = Schema.is(Ids.ConversationId)

/**
 * The thread of that name. A UUID is the conversation's own id; any other name gives the same one of the project each
 * time.
 *
 * Source: docs/decisions/0015-ag-ui-endpoint.md
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (projectId: Ids.ProjectId, id: string): Effect.Effect<Thread> =>
  Effect.sync(() => ({
    id,
    conversationId: isConversationId(id) ? id : Ids.ConversationId.make(Digest.uuidOf(`${projectId}\n${id}`)),
  }))

/** The interrupts of a run that have no answer and are no tools of its client. */
export const questionIds = ({ waiting }: Run.Run): ReadonlyArray<string> =>
  waiting === null
    ? []
    : ResumeRules.open(waiting).flatMap(({ clientTool, id }) => (clientTool === true ? [] : [id]))

/** Runs of the thread, newest first. */
export const runs = (
  ports: Ports,
  { conversationId }: Thread,
  filter: Omit<Runs.ListRuns, "conversationId">,
) => Effect.map(Context.get(ports, Runs.Runs).list({ ...filter, conversationId }), ({ items }) => items)
