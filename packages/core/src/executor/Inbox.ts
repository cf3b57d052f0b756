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

/** The messages that a step of an earlier attempt has consumed. */
const replayed = (step: AttemptStep, range: Range) =>
  Effect.map(messagesOf(step), (messages) => inRange(messages, range))

/** Takes messages, as many as `most`. Taking none is recorded too, unless it is in a step, whose own record has what came before. */
const takeNow = (step: AttemptStep, most: number): Step.Durable<ReadonlyArray<InboxMessage>, never, never> =>
  step.attempt.inFlight(
    step,
    Effect.gen(function* () {
      const { inbox } = step.attempt
      const after = inbox.consumed() ?? 0
      const found = inbox.pending() ? inRange(yield* messagesOf(step), { after, to: after + most }) : []
      if (found.length === 0 && step.within !== undefined) return found
      const range = { after, to: after + found.length }
      yield* write(step, inboxEventName, range)
      inbox.took(range)
      return found
    }),
  )

/** Takes messages unless an earlier attempt has. */
const unlessReplayed = (
  name: string,
  options: Step.Keyed,
  now: (step: AttemptStep) => Step.Durable<ReadonlyArray<InboxMessage>, never, never>,
): Step.Durable<ReadonlyArray<InboxMessage>, never, never> =>
  Effect.flatMap(Step.take(name, options), (step) => {
    const range = step.recorded?.inbox
    return range === undefined ? now(step) : replayed(step, range)
  })

/** Takes the messages that no step has consumed yet, perhaps none. */
export const drain = (
  name: string,
  options: Step.Keyed = {},
): Step.Durable<ReadonlyArray<InboxMessage>, never, never> =>
  unlessReplayed(name, options, (step) => step.attempt.inbox.alone(takeNow(step, Number.MAX_SAFE_INTEGER)))

/** Takes the next message, and waits for it. Where nothing else of the run is in flight, the run waits without a worker. */
export const take = (name: string, options: Step.Keyed = {}): Step.Durable<InboxMessage, never, never> =>
  Effect.map(
    unlessReplayed(name, options, (step) => {
      const { attempt, within } = step
      const { inbox } = attempt
      const next: Step.Durable<ReadonlyArray<InboxMessage>, never, never> = Effect.flatMap(
        inbox.alone(Effect.suspend(() => (inbox.pending() ? takeNow(step, 1) : Effect.succeed([])))),
        (found) =>
          found.length > 0
            ? Effect.succeed(found)
            : Effect.zipRight(attempt.park(within, { inbox: inbox.consumed() ?? 0 }, inbox.arrived), next),
      )
      return next
    }),
    ([message]) => message!,
  )

/**
 * Whether there are messages that none of the steps so far has consumed. A later attempt that does the same steps gets the same answer,
 * except that messages may have come since. A program that calls this consumes messages, so it does not complete while there are some.
 */
export const pending: Effect.Effect<boolean, Step.StepError, StepLog> = Effect.flatMap(StepLog, (log) => {
  const { inbox, recorded } = log.steps()
  return Effect.mapBoth(recorded, {
    onFailure: (error) =>
      failed("pending", "unavailable", `The steps of earlier attempts cannot be read: ${error.message}`),
    onSuccess: () => inbox.ahead(),
  })
})
