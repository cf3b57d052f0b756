/**
 * A thread of an AG-UI client: a conversation, and what of it waits.
 *
 * @since 0.1.0
 */
import { Ids, type Run, Runs } from "@runlease/core"
import { ResumeRules } from "@runlease/core/store"
import { Context, Effect, Schema } from "effect"
import type { Ports } from "../ProjectPortsCache.js"

/** `id` is the client's own. */
export interface Thread {
  readonly id: string
  readonly conversationId: Ids.ConversationId
}

/** The first 16 bytes as a UUID of version 8, which is one's own making. Source: RFC 9562 section 5.8. */
const uuidOf = (bytes: Uint8Array): string => {
  const hex = Array.from(bytes.subarray(0, 16), (byte, index) =>
    (index === 6 ? (byte & 0x0f) | 0x80 : index === 8 ? (byte & 0x3f) | 0x80 : byte)
      .toString(16)
      .padStart(2, "0"),
  ).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

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
  Schema.is(Ids.ConversationId)(id)
    ? Effect.succeed({ id, conversationId: id })
    : Effect.map(
        Effect.promise(() =>
          globalThis.crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${projectId}\n${id}`)),
        ),
        (digest) => ({ id, conversationId: Ids.ConversationId.make(uuidOf(new Uint8Array(digest))) }),
      )

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
