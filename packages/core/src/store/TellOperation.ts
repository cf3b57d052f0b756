/**
 * Messages to runs, each also in the conversation of its run.
 *
 * Source: docs/decisions/0062-an-inbox.md
 *
 * @since 0.1.0
 */
import { Effect, Either, Function } from "effect"
import type * as Ids from "../model/Ids.js"
import type { RunEnded } from "../model/Run.js"
import { RunNotFound } from "../model/Run.js"
import type { MessageRefused, NewMessage, ToldMessage } from "../ports/Runs.js"
import * as InboxTransitions from "../rules/InboxTransitions.js"
import type { RunBatch } from "./RunBatch.js"
import type { RunOperation } from "./RunCommits.js"
import type { KeyedMessage, RunRef } from "./RunRows.js"

export interface Request {
  readonly ref: RunRef
  readonly message: NewMessage
  readonly newId: Ids.MessageId
}

type Refusal = RunNotFound | RunEnded | MessageRefused

/** The name of a message that has a key. */
const nameOf = <X>(batch: RunBatch<X>, { message, ref }: Request): KeyedMessage | undefined => {
  const run = batch.find(ref)
  if (run === undefined || message.idempotencyKey === undefined) return undefined
  const { conversationId, projectId, runId } = run.state.spec
  // The keys of the conversation's own messages name others, and so do those of another run in it.
  return { projectId, conversationId, key: `run ${runId} ${message.idempotencyKey}` }
}

const textOf = ({ conversationId, key, projectId }: KeyedMessage): string =>
  `${projectId}/${conversationId}/${key}`

/**
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<Request, ToldMessage, ToldMessage, Refusal, X> => ({
  name: "Runs.tell",
  refs: ({ ref }) => [ref],
  decide: (requests, batch) =>
    Effect.gen(function* () {
      const names = requests.flatMap((request) => nameOf(batch, request) ?? [])
      const told = new Map(
        names.length === 0
          ? []
          : (yield* batch.rows.messagesOf(names)).map(({ id, name }) => [textOf(name), id] as const),
      )
      return yield* batch.inTurn(requests, (request): Either.Either<ToldMessage, Refusal> => {
        const { message, newId, ref } = request
        const run = batch.find(ref)
        if (run === undefined) return Either.left(new RunNotFound({ runId: ref.runId }))
        const name = nameOf(batch, request)
        const before = name && told.get(textOf(name))
        if (before !== undefined) return Either.right({ id: before, duplicate: true })
        const { idempotencyKey, parts } = message
        const key = idempotencyKey === undefined ? {} : { key: idempotencyKey }
        return Either.map(
          InboxTransitions.tell(run.state, { id: newId, ...key, parts }, batch.now),
          (transition) => {
            if (name !== undefined) told.set(textOf(name), newId)
            batch.apply(run, transition, { messages: [{ id: newId, key: name?.key, parts }] })
            return { id: newId, duplicate: false }
          },
        )
      })
    }),
  answer: Function.identity,
})
