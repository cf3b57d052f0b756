/**
 * The part of the state machine that takes messages to a run.
 *
 * A message is an entry of the run's log, and the state of the log counts them. So one state says whether a run has an unconsumed message,
 * and no order of a message and of the run's wait or end loses the message.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0062-an-inbox.md
 */
import { sizeOf } from "@runlease/core/AppendRules"
import * as ControlEvents from "@runlease/core/ControlEvents"
import { type InboxMessage, maxMessages } from "@runlease/core/InboxMessage"
import { InboxNotEmpty } from "@runlease/core/Leases"
import { type Fence, isTerminal, RunEnded } from "@runlease/core/Run"
import { maxEventBytes } from "@runlease/core/RunLog"
import { MessageRefused } from "@runlease/core/Runs"
import { Either } from "effect"
import { checkFence, resumeAfter, signalled, transition, type Transition } from "./Transition.js"
import type { RunState } from "./RunState.js"

/** How many messages have been sent to the run. */
const countOf = ({ log }: Pick<RunState, "log">): number => log.inbox ?? 0

/** Whether the run has more messages than this number; false where the number is absent. */
export const hasMore = (state: Pick<RunState, "log">, than: number | undefined): boolean =>
  than !== undefined && countOf(state) > than

/**
 * The run with one more message. A run that waits for messages resumes.
 *
 * Fails: `RunEnded`, and `MessageRefused` where the message is too large for an event or the run has as many as it may.
 */
export const tell = (
  state: RunState,
  message: Omit<InboxMessage, "number">,
  now: number,
): Either.Either<Transition, RunEnded | MessageRefused> => {
  const { log, spec, status, waiting } = state
  const { runId } = spec
  if (isTerminal(status)) return Either.left(new RunEnded({ runId, status }))
  const inbox = countOf(state) + 1
  if (inbox > maxMessages) {
    return Either.left(new MessageRefused({ runId, reason: "too_many" }))
  }
  const events = ControlEvents.messageSent(spec, log, status === "waiting", { ...message, number: inbox })
  if (events.some((event) => sizeOf(event) > maxEventBytes)) {
    return Either.left(new MessageRefused({ runId, reason: "too_large" }))
  }
  const after = { ...state, log: { ...log, inbox }, updatedAt: now }
  const made = transition(after, events, signalled(state, { _tag: "MessageSent", runId, inbox }))
  if (status !== "waiting" || waiting === null || !hasMore(made.state, waiting.inbox)) {
    return Either.right(made)
  }
  return Either.right(resumeAfter(made, now))
}

/**
 * Whether the holder of a run that has consumed `consumed` messages may end it. A caller that does not hold
 * the run is refused for that, later.
 */
export const mayEnd = (
  state: RunState,
  fence: Fence | undefined,
  consumed: number,
  now: number,
): Either.Either<void, InboxNotEmpty> =>
  hasMore(state, consumed) && fence !== undefined && Either.isRight(checkFence(state, fence, now))
    ? Either.left(new InboxNotEmpty({ runId: state.spec.runId, inbox: countOf(state) }))
    : Either.void
