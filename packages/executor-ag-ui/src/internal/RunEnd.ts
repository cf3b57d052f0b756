/** The event that ends a remote agent's run, as the one that ends ours. */
import { AgentEvent } from "@runlease/core"
import { Predicate } from "effect"

type Event = AgentEvent.LogEvent

/** The agent's usage is the run's, which keeps it among its metadata. */
export const withUsage = (event: Event): Event => {
  const { metadata, usage } = event
  return !AgentEvent.endsRun(event) || usage === undefined
    ? event
    : { ...event, metadata: { usage, ...(Predicate.isRecord(metadata) ? metadata : {}) } }
}
