/** The owner of each item that a client is shown: a field of an event that contradicts an earlier one is left out. */
import type { AgentEvent } from "@runlease/core"
import { AgUiOwners } from "@runlease/core/executor"
import { Predicate } from "effect"

type Event = AgentEvent.LogEvent

export interface Ownership {
  /** The event without what contradicts an earlier one. Undefined when the client may not be shown the event at all. */
  readonly admit: (event: Event) => Event | undefined

  /** Takes the owners of messages that the input of a run restates. */
  readonly seed: (event: Event) => void

  /** The same owners now. A later change of one of the two does not change the other. */
  readonly copy: () => Ownership
}

const ofOwners = (owners: AgUiOwners.Owners): Ownership => {
  const admit = (event: Event): Event | undefined => {
    const contradiction = owners.take(event)
    if (contradiction === undefined) return event
    if (contradiction.field === undefined) return undefined
    const { [contradiction.field]: _, ...rest } = event
    return admit(rest as Event)
  }
  return {
    admit,
    seed: ({ input, type }) => {
      if (type === "RUN_STARTED" && Predicate.isRecord(input)) owners.restate(input["messages"], false)
    },
    copy: () => ofOwners(owners.copy()),
  }
}

export const make = (): Ownership => ofOwners(AgUiOwners.make())
