/**
 * The messages to the run while it works, for the next request to the model.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import { type AgentEvent, type Executor, type InboxMessage, type Run, StepRecord } from "@runlease/core"
import { AttemptInbox, StepLog } from "@runlease/core/executor"
import { Effect, Option } from "effect"
import * as Failure from "./Failure.js"

const stepName = "inbox"

/** Messages, and the event that says that they were consumed. */
export interface TakenMessages {
  readonly messages: ReadonlyArray<InboxMessage.InboxMessage>
  readonly record: AgentEvent.AgentEvent
}

export interface RunMessages {
  /** Whether there are some that no request has had. */
  readonly pending: () => boolean

  /** Takes them. Their record comes before the answer to the request that has them. */
  readonly take: Effect.Effect<TakenMessages, Executor.ExecutorError>
}

const none: RunMessages = {
  pending: () => false,
  take: Effect.dieMessage("No message can reach this run"),
}

const ofSteps = ({ inbox, issue, messages }: StepLog.AttemptSteps): RunMessages => ({
  pending: inbox.pending,
  take: Effect.gen(function* () {
    const after = inbox.consumed() ?? 0
    const all = yield* Effect.mapError(messages, Failure.ofControlPlane)
    const range = { after, to: Math.max(after, all.at(-1)?.number ?? 0) }
    const step_id = StepRecord.stepIdOf({ within: undefined, name: stepName, key: after })
    const { event } = yield* issue(StepRecord.inboxEventName, {
      step_id,
      name: stepName,
      key: after,
      ...range,
    })
    inbox.took(range)
    return { messages: AttemptInbox.inRange(all, range), record: event }
  }),
})

/** Those of a run. An attempt begins after what the attempts before it have consumed. */
export const make = (run: Run.ClaimedRun): Effect.Effect<RunMessages, Executor.ExecutorError> =>
  Effect.flatMap(
    Effect.serviceOption(StepLog.StepLog),
    Option.match({
      onNone: () => Effect.succeed(none),
      onSome: (log) => {
        const steps = log.steps()
        return run.inbox === undefined
          ? Effect.succeed(ofSteps(steps))
          : Effect.mapBoth(steps.recorded, {
              onFailure: Failure.ofControlPlane,
              onSuccess: () => ofSteps(steps),
            })
      },
    }),
  )
