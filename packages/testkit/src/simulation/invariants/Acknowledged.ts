/** Nothing that was acknowledged is lost, and nothing is applied twice. */
import type { Ending, Entry, Event, Final, History, Sighting } from "../History.js"
import { accepted, isRefused, named } from "./Calls.js"
import { tokensOf } from "./Tokens.js"
import { instant, type Invariant } from "./Violation.js"

const terminal = new Set(["completed", "failed", "cancelled"])

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

/** @category invariants */
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

/** @category invariants */
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
