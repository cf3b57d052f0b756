/** The event that ends a remote agent's run, as the one that ends ours. */
import { AgentEvent, TokenUsage } from "@runlease/core"
import { Predicate } from "effect"

type Event = AgentEvent.LogEvent

const isInterrupt = ({ outcome }: Event): boolean =>
  Predicate.isRecord(outcome) && outcome["type"] === "interrupt"

/** The agent's usage is the run's, which keeps it among its metadata. A run that waits has none yet, so it reports it. */
export const withUsage = (event: Event): ReadonlyArray<Event> => {
  const { metadata, usage } = event
  if (!AgentEvent.endsRun(event) || !Array.isArray(usage)) return [event]
  return isInterrupt(event)
    ? [...usage.map((entry: TokenUsage.TokenUsage) => TokenUsage.toEvent(entry)), event]
    : [{ ...event, metadata: { usage, ...(Predicate.isRecord(metadata) ? metadata : {}) } }]
}
