/** The runs of the agent that have ended for this run, and whether the last of them waits for answers that are there by now. */
import type { AgentEvent, Run } from "@runlease/core"
import { Predicate } from "effect"

/** The ids of the interrupts with which the agent's run has ended. */
const interruptsOf = ({ outcome }: AgentEvent.LogEvent): ReadonlyArray<unknown> =>
  Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"])
    ? outcome["interrupts"].flatMap((interrupt: unknown) =>
        Predicate.isRecord(interrupt) ? [interrupt["id"]] : [],
      )
    : []

/**
 * The end of the last run of the agent, if this run is yet to end by it. Undefined if the agent needs a request: for the first time, or
 * with the answers to its interrupts. An agent may use an id again, so each interrupt of that id needs its own answer.
 */
export const unanswered = (
  run: Run.ClaimedRun,
  ended: ReadonlyArray<AgentEvent.LogEvent>,
): AgentEvent.LogEvent | undefined => {
  const last = ended.at(-1)
  if (last === undefined) return undefined
  const ids = interruptsOf(last)
  const requested = ended.flatMap(interruptsOf)
  const answered = (run.snapshot.resume ?? []).map(({ interruptId }) => interruptId as unknown)
  const count = (all: ReadonlyArray<unknown>, id: unknown) => all.filter((one) => one === id).length
  return ids.length > 0 && ids.every((id) => count(answered, id) >= count(requested, id)) ? undefined : last
}
