/**
 * Messages to a run while it works.
 *
 * ```ts
 * const messages = yield* Inbox.drain("before round", { key: round })
 * const answer = yield* Step.run("answer", ask(messages), { key: round })
 * ```
 *
 * Taking is recorded as a step: a later attempt takes the same messages in the same place. A run that takes messages does not complete
 * while it has others: it is executed again, and finds them.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import { Effect } from "effect"
import type { InboxMessage } from "../model/InboxMessage.js"
import { inboxEventName } from "../model/StepRecord.js"
import { inRange, type Range } from "./AttemptInbox.js"
import * as Step from "./Step.js"
import { StepLog } from "./StepLog.js"
import { failed, type AttemptStep, write } from "./StepRecording.js"

export type { InboxMessage }

/** The messages to the run so far. */
const messagesOf = ({ attempt, name }: AttemptStep) =>
  Effect.mapError(attempt.messages, (error) =>
    failed(name, "unavailable", `The messages to the run cannot be read: ${error.message}`),
  )

/** The messages that a step of an earlier attempt has taken. */
const replayed = (taken: AttemptStep, range: Range) =>
  Effect.map(messagesOf(taken), (messages) => inRange(messages, range))

/** Takes messages, as many as `most`. Taking none is recorded too, unless it is in a step, whose own record tells what came before. */
const takeNow = (taken: AttemptStep, most: number): Step.Durable<ReadonlyArray<InboxMessage>, never, never> =>
  taken.attempt.inFlight(
    taken,
    Effect.gen(function* () {
      const { inbox } = taken.attempt
      const after = inbox.taken() ?? 0
      const found = inbox.pending() ? inRange(yield* messagesOf(taken), { after, to: after + most }) : []
      if (found.length === 0 && taken.within !== undefined) return found
      const range = { after, to: after + found.length }
      yield* write(taken, inboxEventName, range)
      inbox.took(range)
      return found
    }),
  )

/** Takes messages unless an earlier attempt has. */
const unlessReplayed = (
  name: string,
  options: Step.Keyed,
  now: (taken: AttemptStep) => Step.Durable<ReadonlyArray<InboxMessage>, never, never>,
): Step.Durable<ReadonlyArray<InboxMessage>, never, never> =>
  Effect.flatMap(Step.take(name, options), (taken) => {
    const range = taken.recorded?.inbox
    return range === undefined ? now(taken) : replayed(taken, range)
  })

/**
 * Takes the messages that no step has taken yet, perhaps none.
 *
 * @category taking
 */
export const drain = (
  name: string,
  options: Step.Keyed = {},
): Step.Durable<ReadonlyArray<InboxMessage>, never, never> =>
  unlessReplayed(name, options, (taken) => taken.attempt.inbox.alone(takeNow(taken, Number.MAX_SAFE_INTEGER)))

/**
 * Takes the next message, and waits for it. Where nothing else of the run is in flight, the run waits without a worker.
 *
 * @category taking
 */
export const take = (name: string, options: Step.Keyed = {}): Step.Durable<InboxMessage, never, never> =>
  Effect.map(
    unlessReplayed(name, options, (taken) => {
      const { attempt, within } = taken
      const { inbox } = attempt
      const next: Step.Durable<ReadonlyArray<InboxMessage>, never, never> = Effect.flatMap(
        inbox.alone(Effect.suspend(() => (inbox.pending() ? takeNow(taken, 1) : Effect.succeed([])))),
        (found) =>
          found.length > 0
            ? Effect.succeed(found)
            : Effect.zipRight(attempt.park(within, { inbox: inbox.taken() ?? 0 }, inbox.arrived), next),
      )
      return next
    }),
    ([message]) => message!,
  )

/**
 * Whether there are messages that none of the steps so far has taken. A later attempt that does the same steps is answered the same,
 * except that messages may have come since. A program that asks takes messages, so it does not complete while there are some.
 *
 * @category taking
 */
export const pending: Effect.Effect<boolean, Step.StepError, StepLog> = Effect.flatMap(StepLog, (log) => {
  const { inbox, recorded } = log.steps()
  return Effect.mapBoth(recorded, {
    onFailure: (error) =>
      failed("pending", "unavailable", `The steps of earlier attempts cannot be read: ${error.message}`),
    onSuccess: () => inbox.ahead(),
  })
})
