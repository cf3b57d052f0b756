/**
 * Output of an executor's Effect while it works: text of the assistant's message, and events.
 *
 * ```ts
 * Executor.from((run) =>
 *   Effect.gen(function* () {
 *     yield* Emit.text("Looking … ")
 *     yield* Emit.event(AgentEvent.stepStarted("look"))
 *     return yield* look(run)
 *   }),
 * )
 * ```
 */
import { Context, Effect } from "effect"
import type { AgentEvent } from "../model/AgentEvent.js"

/** Where the output of one run goes. `Executor.from` provides it to the Effect of each run. */
export class Emit extends Context.Tag("@runlease/core/Emit")<
  Emit,
  {
    /**
     * Waits for a place while the log of the run takes no more. What is emitted after the run's end is dropped. `observe` gets the
     * events that the output becomes.
     */
    readonly emit: (
      output: string | AgentEvent | ReadonlyArray<AgentEvent>,
      observe?: (events: ReadonlyArray<AgentEvent>) => void,
    ) => Effect.Effect<void>
  }
>() {}

/** Calls `observe` too with the events that the output becomes. */
export const observed = (
  { emit: outer }: Context.Tag.Service<Emit>,
  observe: (events: ReadonlyArray<AgentEvent>) => void,
): Context.Tag.Service<Emit> => ({
  emit: (output, alsoObserve) =>
    outer(output, (made) => {
      observe(made)
      alsoObserve?.(made)
    }),
})

const emit = (output: string | AgentEvent | ReadonlyArray<AgentEvent>): Effect.Effect<void, never, Emit> =>
  Effect.flatMap(Emit, (service) => service.emit(output))

/** Adds text to the assistant's message, which is opened where none is open. */
export const text = (delta: string): Effect.Effect<void, never, Emit> => emit(delta)

/** Emits an event as it is. An assistant's message that is open is closed before it. */
export const event = (agentEvent: AgentEvent): Effect.Effect<void, never, Emit> => emit(agentEvent)

/** Emits events as they are, together. */
export const events = (agentEvents: ReadonlyArray<AgentEvent>): Effect.Effect<void, never, Emit> =>
  emit(agentEvents)
