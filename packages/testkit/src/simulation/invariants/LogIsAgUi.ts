/** The log of a run reads as valid AG-UI, has no gap, and ends as the run did. */
import type { Entry, Event, Final } from "../History.js"
import * as AgUiOrder from "./AgUiOrder.js"
import type { Invariant } from "./Violation.js"

const outcomeOf = ({ outcome }: Event): string | undefined =>
  typeof outcome === "object" && outcome !== null && "type" in outcome ? String(outcome.type) : undefined

/** How an event of the control plane's ends a run; undefined for one that does not. */
const endingOf = ({ event, sequence }: Entry): string | undefined => {
  if (sequence !== null) return undefined
  if (event.type === "RUN_ERROR") return "failed"
  if (event.type !== "RUN_FINISHED") return undefined
  const outcome = outcomeOf(event)
  return outcome === "success" ? "completed" : outcome === "cancelled" ? "cancelled" : undefined
}

const brokenBy = ({ error, log, run, status }: Final, servers: number): ReadonlyArray<string> => {
  const appended = log.filter(({ sequence }) => sequence !== null)
  const ends = log.flatMap((entry, index) => {
    const ending = endingOf(entry)
    return ending === undefined ? [] : [{ ending, index, event: entry.event }]
  })
  const last = ends.at(-1)
  return [
    ...(log.every(({ eventId }, index) => eventId === index + 1) ? [] : ["its event ids have a gap"]),
    ...(appended.every(({ sequence }, index) => sequence === index + 1) ? [] : ["its sequence has a gap"]),
    ...(servers > 1 || log.every(({ at }, index) => index === 0 || log[index - 1]!.at <= at)
      ? []
      : ["its instants go back"]),
    ...(ends.length === 1 && last?.index === log.length - 1
      ? []
      : [`it has ${ends.length} ends, not one as its last event`]),
    ...(last === undefined || last.ending === status
      ? []
      : [`it ends as ${last.ending}, and the run is ${status}`]),
    ...(last === undefined || status !== "failed" || last.event["code"] === error
      ? []
      : [`it ends with code ${String(last.event["code"])}, and the run with ${error}`]),
    ...AgUiOrder.problems(log.map(({ event }) => event)),
  ].map((sentence) => `the log of run ${run}: ${sentence}`)
}

const terminal = new Set(["completed", "failed", "cancelled"])

/** @category invariants */
export const logIsAgUi: Invariant = {
  name: "log-is-ag-ui",
  holds: "the log of a run reads as valid AG-UI, has no gap, and ends as the run did",
  broken: ({ final, servers = 1 }) =>
    final.filter(({ status }) => terminal.has(status)).flatMap((run) => brokenBy(run, servers)),
}
