/** The request of a run as messages of its conversation, for servers that take no request with a run. */
import {
  type ControlPlaneError,
  Conversations as Port,
  Ids,
  Json,
  RequestSnapshot,
  type Run,
  Runs,
} from "@runlease/core"
import * as Digest from "@runlease/core/Digest"
import { Effect } from "effect"
import * as Conversations from "./Conversations.js"
import type { Transport } from "./Transport.js"

type Parts = RequestSnapshot.SnapshotMessage["parts"]

const isEmpty = (values: ReadonlyArray<unknown>): boolean => values.length === 0

/**
 * The messages of the user that say what the snapshot says: its own, and its input as JSON text. Undefined where it says anything else, or
 * nothing.
 */
export const messagesOf = ({
  context,
  input,
  messages,
  protocol: _protocol,
  tools,
  traceContext: _traceContext,
  ...others
}: RequestSnapshot.RequestSnapshot): ReadonlyArray<Parts> | undefined => {
  const isPlain =
    isEmpty(tools) && isEmpty(context) && Object.values(others).every((value) => value === undefined)
  if (!isPlain || messages.some(({ role }) => role !== "user")) return undefined
  const parts = messages.map((message) => message.parts)
  const all = input === undefined ? parts : [...parts, [RequestSnapshot.textPart(JSON.stringify(input))]]
  return isEmpty(all) ? undefined : all
}

/** A UUID of version 8 that the public id alone decides. */
const conversationIdOf = (publicId: string): Ids.ConversationId =>
  Ids.ConversationId.make(Digest.uuidOf(`conversation of run ${publicId}`))

/**
 * Writes such messages into a conversation, and returns its id. A public id has one conversation: a repeat finds it with its messages.
 *
 * Fails: `SubmissionConflict` where the public id has other messages, as far as the server shows those that it has.
 */
export const makeWrite: Effect.Effect<
  (
    messages: ReadonlyArray<Parts>,
    publicId: string | undefined,
  ) => Effect.Effect<
    Ids.ConversationId,
    Runs.SubmissionConflict | Port.ConversationNotFound | ControlPlaneError.ControlPlaneError
  >,
  never,
  Transport
> = Effect.map(Conversations.make, (conversations) =>
  Effect.fnUntraced(function* (messages, publicId) {
    const { id } = yield* publicId === undefined
      ? conversations.create()
      : Effect.catchTag(conversations.get(conversationIdOf(publicId)), "ConversationNotFound", () =>
          conversations.create({ id: conversationIdOf(publicId) }),
        )
    for (const [index, parts] of messages.entries()) {
      const added = yield* conversations.addMessage(id, {
        role: "user",
        parts,
        idempotencyKey: `${id}-${index + 1}`,
      })
      if (publicId !== undefined && !Json.equalJson(added.parts, parts)) {
        return yield* new Runs.SubmissionConflict({ publicId })
      }
    }
    return id
  }),
)

/** Adds the messages of its conversation to a claimed run that came without a request. */
export const makeRead: Effect.Effect<
  (run: Run.ClaimedRun) => Effect.Effect<Run.ClaimedRun, ControlPlaneError.ControlPlaneError>,
  never,
  Transport
> = Effect.map(Conversations.make, (conversations) => {
  const messagesIn = Effect.fnUntraced(function* (conversationId: Ids.ConversationId) {
    const messages: Array<RequestSnapshot.SnapshotMessage> = []
    let cursor: string | undefined
    do {
      const page = yield* conversations.messages(conversationId, { cursor })
      messages.push(...page.items.map(({ id, parts, role }) => ({ id, parts, role })))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return messages
  })
  return (run) =>
    isEmpty(run.snapshot.messages)
      ? messagesIn(run.conversationId).pipe(
          Effect.map((messages) => ({ ...run, snapshot: { ...run.snapshot, messages } })),
          // A conversation that is gone has no messages, and the server has made the cursor.
          Effect.catchTags({
            ConversationNotFound: () => Effect.succeed(run),
            InvalidCursor: (error) => Effect.die(error),
          }),
        )
      : Effect.succeed(run)
})
