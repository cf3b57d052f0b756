/**
 * The messages to a run while its agent works. The agent gets them behind its turn, as the prompt of the next one.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import { type AgentEvent, Emit, type Executor, Inbox, type InboxMessage } from "@runlease/core"
import { AttemptInbox, RecordedTurns, StepLog } from "@runlease/core/executor"
import { Array, type Context, Effect, Option } from "effect"
import * as Failure from "./Failure.js"

const stepName = "inbox"

export type Messages = ReadonlyArray<InboxMessage.InboxMessage>

export interface RunMessages {
  /** The messages that earlier attempts have consumed for a turn that has not ended. */
  readonly unfinished: Messages

  /** Whether there are messages that no turn has consumed. */
  readonly pending: () => boolean

  /** Takes them for the next turn. The log has their record when this ends, and all that went to `emit` before. */
  readonly take: (
    emit: (events: ReadonlyArray<AgentEvent.LogEvent>) => Effect.Effect<void>,
  ) => Effect.Effect<Messages, Executor.ExecutorError>
}

const none: RunMessages = {
  unfinished: [],
  pending: () => false,
  take: () => Effect.dieMessage("No message can reach this run"),
}

const ofLog = Effect.fnUntraced(function* (log: Context.Tag.Service<typeof StepLog.StepLog>) {
  const steps = log.steps()
  let turn = 1
  let ranges: ReadonlyArray<AttemptInbox.Range> = []
  for (const { done, inbox } of (yield* steps.recorded).values()) {
    if (done?.name === RecordedTurns.stepName) ranges = []
    if (inbox === undefined) continue
    ranges = [...ranges, inbox]
    turn += 1
  }
  const all = ranges.length === 0 ? [] : yield* steps.messages
  const messages: RunMessages = {
    unfinished: ranges.flatMap((range) => AttemptInbox.inRange(all, range)),
    pending: steps.inbox.pending,
    take: (emit) =>
      Effect.suspend(() => Inbox.drain(stepName, { key: turn++ })).pipe(
        Effect.provideService(Emit.Emit, {
          emit: (output) => (typeof output === "string" ? Effect.void : emit(Array.ensure(output))),
        }),
        Effect.provideService(StepLog.StepLog, log),
        Effect.mapError(Failure.ofStep),
      ),
  }
  return messages
})

/** The messages to the run of this execution. The first attempt of a run without messages reads nothing. */
export const make: Effect.Effect<RunMessages, Executor.ExecutorError> = Effect.flatMap(
  Effect.serviceOption(StepLog.StepLog),
  Option.match({
    onNone: () => Effect.succeed(none),
    onSome: (log) => Effect.mapError(ofLog(log), Failure.ofControlPlane),
  }),
)
