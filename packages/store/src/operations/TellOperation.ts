/**
 * Messages to runs, each also in the conversation of its run.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import { MessageId, uuidV7 } from "@runlease/core/Ids"
import { type Fence, type LeaseLost, type RunEnded, RunNotFound } from "@runlease/core/Run"
import type { MessageRefused, NewMessage, SentMessage } from "@runlease/core/Runs"
import { Effect, Either, Function } from "effect"
import { holds } from "../rules/Transition.js"
import * as InboxTransitions from "../rules/InboxTransitions.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import type { KeyedMessage, RunRef } from "../rows/RunRows.js"

export interface Request {
  readonly ref: RunRef
  readonly message: NewMessage
  readonly newId: MessageId
  /** Absent for a trusted caller that holds no lease. */
  readonly fence?: Fence | undefined
}

type Refusal = RunNotFound | RunEnded | LeaseLost | MessageRefused

const nameOf = <X>(batch: RunBatch<X>, { message, ref }: Request): KeyedMessage | undefined => {
  const run = batch.find(ref)
  if (run === undefined || message.idempotencyKey === undefined) return undefined
  const { conversationId, projectId, runId } = run.state.spec
  // The keys of the conversation's own messages name others, and so do those of another run in it.
  return { projectId, conversationId, key: `run ${runId} ${message.idempotencyKey}` }
}

const textOf = ({ conversationId, key, projectId }: KeyedMessage): string =>
  `${projectId}/${conversationId}/${key}`

export const operation = <X>(): RunOperation<Request, SentMessage, SentMessage, Refusal, X> => ({
  name: "Runs.tell",
  refs: ({ ref }) => [ref],
  decide: (requests, batch) =>
    Effect.gen(function* () {
      const names = requests.flatMap((request) => nameOf(batch, request) ?? [])
      const sentBefore = new Map(
        names.length === 0
          ? []
          : (yield* batch.rows.messagesOf(names)).map(({ id, name }) => [textOf(name), id] as const),
      )
      return yield* batch.inTurn(requests, (request): Either.Either<SentMessage, Refusal> => {
        const { fence, message, newId, ref } = request
        const run = batch.find(ref)
        if (run === undefined) return Either.left(new RunNotFound({ runId: ref.runId }))
        const fenced = fence === undefined ? Either.void : holds(run.state, fence, batch.now)
        if (Either.isLeft(fenced)) return Either.left(fenced.left)
        const name = nameOf(batch, request)
        const before = name && sentBefore.get(textOf(name))
        if (before !== undefined) return Either.right({ id: before, duplicate: true })
        const { idempotencyKey, parts } = message
        const key = idempotencyKey === undefined ? {} : { key: idempotencyKey }
        return Either.map(
          InboxTransitions.tell(run.state, { id: newId, ...key, parts }, batch.now),
          (transition) => {
            if (name !== undefined) sentBefore.set(textOf(name), newId)
            batch.apply(run, transition, { messages: [{ id: newId, key: name?.key, parts }] })
            return { id: newId, duplicate: false }
          },
        )
      })
    }),
  answer: Function.identity,
})

export const named = (message: NewMessage): Effect.Effect<Pick<Request, "message" | "newId">> =>
  Effect.map(uuidV7, (id) => ({ message, newId: MessageId.make(id, { disableValidation: true }) }))

/** Sends messages to runs, in shared commits. */
export type Tell = (request: Request) => Effect.Effect<SentMessage, Refusal | ControlPlaneError>

export const make = <X>(commits: RunCommits<X>): Tell => commits.operation(operation<X>())
