/**
 * What a log has: nothing that was acknowledged is lost, nothing is applied twice, and the events are in the order that AG-UI 1.0 demands.
 *
 * The order is written from the documents of AG-UI and the behaviour of its client. A log has parts, each from RUN_STARTED to RUN_FINISHED or RUN_ERROR. Between them stand only events of the control plane that a view
 * hides.
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */
import type { Ending, Entry, Event, Final, History, Sighting } from "../History.js"
import { accepted, isRefused, named, tokensOf } from "./Calls.js"
import { instant, type Invariant } from "./Violation.js"

/** What opens, continues and closes, and the field that names it. */
const items: Readonly<Record<string, { readonly kind: string; readonly id: string; readonly does: string }>> =
  {
    TEXT_MESSAGE_START: { kind: "message", id: "messageId", does: "open" },
    TEXT_MESSAGE_CONTENT: { kind: "message", id: "messageId", does: "use" },
    TEXT_MESSAGE_END: { kind: "message", id: "messageId", does: "close" },
    TOOL_CALL_START: { kind: "tool call", id: "toolCallId", does: "open" },
    TOOL_CALL_ARGS: { kind: "tool call", id: "toolCallId", does: "use" },
    TOOL_CALL_END: { kind: "tool call", id: "toolCallId", does: "close" },
    REASONING_START: { kind: "reasoning", id: "messageId", does: "open" },
    REASONING_END: { kind: "reasoning", id: "messageId", does: "close" },
    REASONING_MESSAGE_START: { kind: "reasoning message", id: "messageId", does: "open" },
    REASONING_MESSAGE_CONTENT: { kind: "reasoning message", id: "messageId", does: "use" },
    REASONING_MESSAGE_END: { kind: "reasoning message", id: "messageId", does: "close" },
    STEP_STARTED: { kind: "step", id: "stepName", does: "open" },
    STEP_FINISHED: { kind: "step", id: "stepName", does: "close" },
    SUBAGENT_STARTED: { kind: "subagent", id: "subagentRunId", does: "open" },
    SUBAGENT_FINISHED: { kind: "subagent", id: "subagentRunId", does: "close" },
    SUBAGENT_ERROR: { kind: "subagent", id: "subagentRunId", does: "close" },
  }

const isHidden = ({ name, type }: Event): boolean =>
  type === "CUSTOM" && typeof name === "string" && name.startsWith("runlease.")

/** What is wrong with the events, as sentences. Each names the position of its event, from 1. */
export const problems = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const found: Array<string> = []
  const open = new Set<string>()
  let isActive = false
  for (const [index, event] of events.entries()) {
    const say = (sentence: string) => found.push(`event ${index + 1}, ${event.type}: ${sentence}`)
    switch (event.type) {
      case "RUN_STARTED":
        if (isActive) say("the run is active")
        isActive = true
        continue
      case "RUN_FINISHED":
        if (!isActive) say("the run is not active")
        if (open.size > 0) say(`${Array.from(open).join(", ")} open`)
        isActive = false
        open.clear()
        continue
      case "RUN_ERROR":
        isActive = false
        open.clear()
        continue
      default:
    }
    if (!isActive && !isHidden(event)) say("the run is not active")
    const item = items[event.type]
    if (item === undefined) continue
    const name = `${item.kind} ${String(event[item.id])}`
    if (item.does === "open" && open.has(name)) say(`${name} is open`)
    if (item.does !== "open" && !open.has(name)) say(`${name} is not open`)
    if (item.does === "open") open.add(name)
    if (item.does === "close") open.delete(name)
  }
  return found
}

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
    ...problems(log.map(({ event }) => event)),
  ].map((sentence) => `the log of run ${run}: ${sentence}`)
}

const terminal = new Set(["completed", "failed", "cancelled"])

export const logIsAgUi: Invariant = {
  name: "log-is-ag-ui",
  holds: "the log of a run reads as valid AG-UI, has no gap, and ends as the run did",
  broken: ({ final, servers = 1 }) =>
    final.filter(({ status }) => terminal.has(status)).flatMap((run) => brokenBy(run, servers)),
}

const sortedJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

/** Whether the log has these events where they were appended. */
const hasEvents = (log: ReadonlyArray<Entry>, events: ReadonlyArray<Event>, after: number): boolean => {
  const bySequence = new Map(log.map((entry) => [entry.sequence, entry.event]))
  return events.every((event, index) => {
    const found = bySequence.get(after + index + 1)
    return found !== undefined && sortedJson(found) === sortedJson(event)
  })
}

const endingText = ({ error, result, status }: Ending): string =>
  [status, error, result].filter((part) => part !== undefined).join(" ")

const isSameEnding = (a: Ending, b: Ending): boolean =>
  a.status === b.status && a.error === b.error && a.result === b.result

const lostEvents = (history: History, finals: ReadonlyMap<string, Final>): ReadonlyArray<string> =>
  named(history, "Append").flatMap(({ from, received, request: { after, events, run } }) => {
    if (received === undefined || isRefused(received.answer) || after === undefined) return []
    const log = finals.get(run)?.log ?? []
    return hasEvents(log, events, after)
      ? []
      : [
          `${from} appended ${events.length} events to the log of run ${run} at ${instant(received.at)}, after ` +
            `sequence ${after}; they are not there`,
        ]
  })

const lostRuns = (history: History, finals: ReadonlyMap<string, Final>): ReadonlyArray<string> =>
  named(history, "Submit").flatMap(({ received }) => {
    if (received === undefined || isRefused(received.answer)) return []
    const { run } = received.answer
    return finals.has(run) ? [] : [`run ${run} was accepted at ${instant(received.at)}; it does not exist`]
  })

const lostEndings = (history: History, finals: ReadonlyMap<string, Final>): ReadonlyArray<string> =>
  named(history, "Complete").flatMap(({ from, received, request }) => {
    if (received === undefined || isRefused(received.answer) || !received.answer.completed) return []
    const final = finals.get(request.run)
    return final !== undefined && isSameEnding(final, request.ending)
      ? []
      : [
          `${from} ended run ${request.run} at ${instant(received.at)} as ${endingText(request.ending)}; it is ` +
            (final === undefined ? "gone" : endingText(final)),
        ]
  })

const lostCancellations = (history: History, finals: ReadonlyMap<string, Final>): ReadonlyArray<string> =>
  named(history, "Cancel").flatMap(({ received }) => {
    if (received === undefined || isRefused(received.answer) || !received.answer.cancelled) return []
    const { run } = received.answer
    const final = finals.get(run)
    return final?.status === "cancelled"
      ? []
      : [`run ${run} was cancelled at ${instant(received.at)}; it is ${final?.status ?? "gone"}`]
  })

/** All that anybody was shown of runs. */
const sightings = (history: History): ReadonlyArray<Sighting & { readonly at: number }> =>
  [...accepted(history, "Look"), ...accepted(history, "Cancel"), ...accepted(history, "Submit")].map(
    ({ answer, at }) => ({ ...answer, at }),
  )

const changedEndings = (history: History, finals: ReadonlyMap<string, Final>): ReadonlyArray<string> =>
  sightings(history).flatMap((sighting) => {
    const final = finals.get(sighting.run)
    return !terminal.has(sighting.status) || (final !== undefined && isSameEnding(final, sighting))
      ? []
      : [
          `run ${sighting.run} had ended as ${endingText(sighting)} at ${instant(sighting.at)}; it is ` +
            (final === undefined ? "gone" : endingText(final)),
        ]
  })

export const nothingLost: Invariant = {
  name: "nothing-lost",
  holds: "what was acknowledged stays",
  broken: (history) => {
    const finals = new Map(history.final.map((final) => [final.run, final]))
    return [
      ...lostRuns(history, finals),
      ...lostEvents(history, finals),
      ...lostEndings(history, finals),
      ...lostCancellations(history, finals),
      ...changedEndings(history, finals),
    ]
  },
}

const repeated = (values: ReadonlyArray<string>): ReadonlyArray<string> => {
  const arrived = new Set<string>()
  return values.filter((value) => {
    if (arrived.has(value)) return true
    arrived.add(value)
    return false
  })
}

/** A run that was ended twice, each time with success. */
const endedTwice = (history: History): ReadonlyArray<string> => {
  const ended = [
    ...accepted(history, "Complete").flatMap(({ answer, call }) =>
      answer.completed ? [call.request.run] : [],
    ),
    ...accepted(history, "Cancel").flatMap(({ answer }) => (answer.cancelled ? [answer.run] : [])),
  ]
  return repeated(ended).map((run) => `run ${run} was ended twice, each time as the first`)
}

/** A submission that made two runs under one id. */
const submittedTwice = (history: History): ReadonlyArray<string> => {
  const made = accepted(history, "Submit").flatMap(({ answer, call }) =>
    answer.duplicate || answer.run !== call.request.run ? [] : [answer.run],
  )
  return repeated(made).map((run) => `run ${run} was accepted twice as a new one`)
}

export const nothingTwice: Invariant = {
  name: "nothing-twice",
  holds: "a request that arrives twice is applied once, and the first outcome of a run stands",
  broken: (history) => [
    ...submittedTwice(history),
    ...endedTwice(history),
    ...history.final.flatMap(({ log, run }) =>
      repeated(tokensOf(log).map(({ token }) => token)).map(
        (token) => `the log of run ${run} has the event ${token} twice`,
      ),
    ),
  ],
}
