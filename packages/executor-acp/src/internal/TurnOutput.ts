/** The events of one turn: the agent's updates become events of the run's stream, as far as the turn's state allows. */
import { type AgentEvent, type Executor } from "@runlease/core"
import { Effect, type Mailbox, Option } from "effect"
import type * as SessionRecord from "./SessionRecord.js"
import * as SessionUpdate from "./SessionUpdate.js"
import type * as ToolCalls from "./ToolCalls.js"
import type * as UpdateEvents from "./UpdateEvents.js"

type Events = ReadonlyArray<AgentEvent.LogEvent>

export interface Options {
  readonly mailbox: Mailbox.Mailbox<AgentEvent.LogEvent, Executor.ExecutorFailure>
  readonly updates: UpdateEvents.UpdateEvents
  readonly record: SessionRecord.SessionRecord
  /** Takes note of each event of the turn. */
  readonly observe: (event: AgentEvent.LogEvent) => void
}

export interface TurnOutput {
  readonly emit: (events: Events) => Effect.Effect<void>
  /** Emits events of the agent's work. The first ones record that the agent has begun. */
  readonly emitWork: (events: Events) => Effect.Effect<void>
  /** Reads the parameters of a `session/update`. */
  readonly onUpdate: (params: unknown) => Effect.Effect<void>
  /**
   * Reads a call that needs permission, at once and before the agent's next message. The Effect emits its events and returns
   * the call, which is undecided until `decide`.
   */
  readonly onPermissionRequest: (call: SessionUpdate.ToolCall) => Effect.Effect<ToolCalls.CallState>
  /** Marks a call as undecided: a cancellation does not give it a result. */
  readonly addUndecided: (toolCallId: string) => void
  readonly decide: (toolCallId: string) => void
  /** Only updates of this session count from now on. */
  readonly openSession: (sessionId: string) => void
  readonly sessionId: () => string | undefined
  /** Drops all events while `on` is true. */
  readonly drop: (on: boolean) => void
  /** From now on only the results of calls count, except for undecided calls: the run is about to wait. */
  readonly cancel: () => void
  /** The events that end all that is open. */
  readonly close: () => Events
}

export const make = ({ mailbox, observe, record, updates }: Options): TurnOutput => {
  let openSession: string | undefined
  let dropping = false
  let cancelled = false
  const undecided = new Set<string>()

  const emit = (events: Events): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (dropping) return Effect.void
      for (const event of events) observe(event)
      return Effect.asVoid(mailbox.offerAll(events))
    })
  /** A CUSTOM event alone does not show that the agent works on its prompt. */
  const emitWork = (events: Events) =>
    events.every(({ type }) => type === "CUSTOM")
      ? emit(events)
      : Effect.zipRight(record.recordBegun, emit(events))

  const eventsOf = (update: unknown): Events => {
    if (dropping) return []
    return cancelled ? updates.onCancelled(update, undecided) : updates.on(update)
  }

  return {
    emit,
    emitWork,
    onUpdate: (params) =>
      Option.match(SessionUpdate.notification(params), {
        onNone: () => emit(cancelled ? [] : updates.on(params)),
        onSome: ({ sessionId, update }) =>
          openSession !== undefined && openSession !== sessionId ? Effect.void : emitWork(eventsOf(update)),
      }),
    onPermissionRequest: (toolCall) => {
      const [events, call] = updates.onPermissionRequest(toolCall)
      undecided.add(toolCall.toolCallId)
      return Effect.as(emitWork(events), call)
    },
    addUndecided: (toolCallId) => void undecided.add(toolCallId),
    decide: (toolCallId) => void undecided.delete(toolCallId),
    openSession: (sessionId) => {
      openSession = sessionId
    },
    sessionId: () => openSession,
    drop: (on) => {
      dropping = on
    },
    cancel: () => {
      cancelled = true
    },
    close: () => [...(cancelled ? updates.cancelCalls(undecided) : []), ...updates.close()],
  }
}
