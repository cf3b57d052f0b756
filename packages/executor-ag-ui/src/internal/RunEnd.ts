/** Converts the end of a remote agent's run to the end of this run. */
import { AgentEvent, TokenUsage } from "@runlease/core"
import { Predicate } from "effect"

type Event = AgentEvent.LogEvent

const isInterrupt = ({ outcome }: Event): boolean =>
  Predicate.isRecord(outcome) && outcome["type"] === "interrupt"

/** Moves the agent's usage into the run's metadata. A run that waits has no metadata yet, so an event reports it. */
export const withUsage = (event: Event): ReadonlyArray<Event> => {
  const { metadata, usage } = event
  if (!AgentEvent.endsRun(event) || !Array.isArray(usage)) return [event]
  return isInterrupt(event)
    ? [...usage.map((entry: TokenUsage.TokenUsage) => TokenUsage.toEvent(entry)), event]
    : [{ ...event, metadata: { usage, ...(Predicate.isRecord(metadata) ? metadata : {}) } }]
}
