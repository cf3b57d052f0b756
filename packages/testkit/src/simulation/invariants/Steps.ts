/** A recorded step is never executed again, and each attempt gets what was recorded. */
import { Array } from "effect"
import type { Executing, Incident } from "../History.js"
import type { Execution } from "./ExecutorSpans.js"
import { instant, type Invariant } from "./Violation.js"

type Returned = Extract<Incident, { readonly _tag: "Returned" }>
type BodyBegan = Extract<Incident, { readonly _tag: "BodyBegan" }>

const operation = ({ name, run }: Returned | BodyBegan): string => `${run} ${name}`

const isReturned = (incident: Incident): incident is Returned => incident._tag === "Returned"
const isBody = (incident: Incident): incident is BodyBegan => incident._tag === "BodyBegan"

/** Operations that gave one attempt something else than another. */
const changed = (returned: ReadonlyArray<Returned>): ReadonlyArray<string> => {
  const first = new Map<string, Returned>()
  return returned.flatMap((later) => {
    const before = first.get(operation(later))
    if (before === undefined) {
      first.set(operation(later), later)
      return []
    }
    return before.value === later.value
      ? []
      : [
          `${later.name} of run ${later.run} gave ${before.value} at ${instant(before.at)} (epoch ${before.epoch}), and ` +
            `${later.value} at ${instant(later.at)} (epoch ${later.epoch})`,
        ]
  })
}

/**
 * Whether a process did this without knowing that it had lost its lease: at the instant at which it woke, or after it had been suspended
 * with its clock.
 */
const isExcused = (body: BodyBegan, executions: ReadonlyArray<Execution>): boolean => {
  const isSame = (other: Executing): boolean =>
    other.process === body.process && other.run === body.run && other.epoch === body.epoch
  const execution = executions.find(isSame)
  if (execution === undefined || body.at < execution.from || body.at > execution.to) return false
  const { spans } = execution
  const span = spans.find(({ from, to }) => from <= body.at && body.at <= to)
  return span === undefined || span.isUnaware || (span.from === body.at && span !== spans[0])
}

/** Bodies that ran although an attempt had got their result. */
const executedAgain = (
  returned: ReadonlyArray<Returned>,
  bodies: ReadonlyArray<BodyBegan>,
  executions: ReadonlyArray<Execution>,
): ReadonlyArray<string> => {
  const first = new Map(returned.toReversed().map((incident) => [operation(incident), incident]))
  return bodies.flatMap((body) => {
    const before = first.get(operation(body))
    return before === undefined || body.at <= before.at || isExcused(body, executions)
      ? []
      : [
          `${body.name} of run ${body.run} had its result at ${instant(before.at)} (epoch ${before.epoch}), and ran again at ` +
            `${instant(body.at)} (epoch ${body.epoch})`,
        ]
  })
}

/** Effects that were to happen at most once. */
const moreThanOnce = (bodies: ReadonlyArray<BodyBegan>): ReadonlyArray<string> =>
  Object.values(
    Array.groupBy(
      bodies.filter(({ name }) => name.startsWith("once")),
      operation,
    ),
  ).flatMap(([first, second]) =>
    second === undefined
      ? []
      : [
          `${first.name} of run ${first.run} ran at ${instant(first.at)} and again at ${instant(second.at)}; it may run once`,
        ],
  )

export const stepsOnce: Invariant = {
  name: "steps-once",
  holds: "a step whose result was given never runs again, and each attempt is given the same result",
  broken: (history, executions) => {
    const returned = history.incidents.filter(isReturned)
    const bodies = history.incidents.filter(isBody)
    return [...changed(returned), ...executedAgain(returned, bodies, executions), ...moreThanOnce(bodies)]
  },
}
