/**
 * Executes the run of an agent once, and then once more for each place where its worker may die, with a takeover by another worker. It says what
 * the crash has changed: a side effect that is made twice, another path, another result, a run that does not end.
 *
 * The places are before and after each write of the worker to the control plane, and after each call of an `HttpClient` or `fetch`, whose
 * answer is lost. The first execution makes the calls, and the others get its answers. Time is not real: leases lapse, and sleeps end, at once.
 *
 * Source: docs/decisions/0159-crash-test.md
 */
import { Clock, Effect, type Layer } from "effect"
import type { Executor } from "../executor/Executor.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { Runs } from "../ports/Runs.js"
import * as History from "./History.js"
import { type Call, idOf, type StepSite } from "./Observer.js"
import * as Problems from "./Problems.js"
import * as RecordedCalls from "./RecordedCalls.js"

export { NotExecuted } from "./History.js"

export { reading as readingPlaces } from "./SourcePlace.js"

export { type Kind, type Problem, toText } from "./Problems.js"

/** How often a step or a call happens over all crashes. */
export type Times =
  | "once"
  | "again"
  | "again, with the same key"
  | "again, without a key"
  | "at most once, uncertain after a crash in it"

/** A step, or a call of the outside, of the execution without a crash. `place`: the step that a call is in. */
export interface Row {
  readonly kind: "step" | "call"
  readonly name: string
  readonly place: string | undefined
  readonly at: string | undefined
  readonly times: Times
}

/** `crashes`: the places of the deaths, in their order. */
export interface Report {
  readonly crashes: ReadonlyArray<string>
  readonly rows: ReadonlyArray<Row>
  readonly problems: ReadonlyArray<Problems.Problem>
}

/**
 * `answers`: those to the questions of the run, by their ids or names, and to approvals by the names of the tools. `mayRepeat`: the beginnings of URLs
 * that may be called again without a key, such as that of a model.
 */
export interface Options {
  readonly answers?: Readonly<Record<string, unknown>> | undefined
  readonly mayRepeat?: ReadonlyArray<string> | undefined
}

/** After a history that did not end the test does not wait as long for the others. */
const hastyJumps = 35

const distinct = <A>(all: ReadonlyArray<A>, key: (one: A) => string): ReadonlyArray<A> =>
  all.filter((one, index) => all.findIndex((other) => key(other) === key(one)) === index)

type Histories = ReadonlyArray<History.History>

const stepsOf = ({ attempts }: History.History): ReadonlyArray<StepSite> =>
  attempts.flatMap(({ recorded, steps }) =>
    Array.from(steps.values()).filter(({ id }) => recorded.get(id) === undefined),
  )

/** A step is done again where an attempt has no record of it, or under another key. */
const stepRow = (step: StepSite, baseline: History.History, histories: Histories): Row => {
  const count = (history: History.History) => stepsOf(history).filter(({ name }) => name === step.name).length
  return {
    kind: "step",
    name: step.name,
    place: undefined,
    at: step.at,
    times: histories.some(({ uncertain }) => uncertain.has(idOf(step)))
      ? "at most once, uncertain after a crash in it"
      : histories.some((history) => count(history) > count(baseline))
        ? "again"
        : "once",
  }
}

const callRow = ({ place, request, what }: Call, baseline: History.History, histories: Histories): Row => {
  const keysOf = ({ calls }: History.History) =>
    calls
      .filter(
        (call) => call.place.kind === place.kind && call.place.name === place.name && call.what === what,
      )
      .map(({ key }) => key)
  const before = keysOf(baseline)
  const again = histories.map(keysOf).filter((keys) => keys.length > before.length)
  const isKeyed = again.every(
    (keys) => !keys.includes(undefined) && new Set(keys).size <= new Set(before).size,
  )
  return {
    kind: "call",
    name: what,
    place: Problems.placeText(place),
    at: request.at,
    times: again.length === 0 ? "once" : isKeyed ? "again, with the same key" : "again, without a key",
  }
}

/** Steps of one name at one place are one row, as those of a loop. */
const rowsOf = (baseline: History.History, histories: Histories): ReadonlyArray<Row> => {
  const steps = distinct(
    baseline.attempts.flatMap((attempt) => Array.from(attempt.steps.values())),
    ({ at, name }) => `${name} ${at}`,
  )
  const calls = baseline.calls.filter(({ place }) => place.kind !== "layer")
  const isIn = ({ place }: Call, { at, name }: StepSite): boolean =>
    place.kind === "step" && place.name === name && place.at === at
  const rows = (all: ReadonlyArray<Call>): ReadonlyArray<Row> =>
    distinct(all, ({ place, what }) => `${place.kind} ${place.name} ${what}`).map((call) =>
      callRow(call, baseline, histories),
    )
  return [
    ...steps.flatMap((step) => [
      stepRow(step, baseline, histories),
      ...rows(calls.filter((call) => isIn(call, step))),
    ]),
    ...rows(calls.filter((call) => !steps.some((step) => isIn(call, step)))),
  ]
}

/**
 * Crash-tests the executors of a layer with the run that `submit` submits, in a control plane that `plane` makes anew for each execution, such as one
 * in memory. `fetch` and `Date` are replaced in the process meanwhile, so tests do not overlap.
 *
 * Fails: `NotExecuted` where the run is refused, or the layer fails.
 */
export const run = <E, E2, E3>(
  executors: Layer.Layer<Executor, E>,
  submit: Effect.Effect<unknown, E2, Runs>,
  plane: Layer.Layer<ProjectPorts, E3>,
  options: Options = {},
): Effect.Effect<Report, History.NotExecuted> =>
  Effect.gen(function* () {
    const { answers = {}, mayRepeat = [] } = options
    const subject: History.Subject = {
      plane,
      executors,
      submit,
      answers,
      calls: RecordedCalls.make(),
      startsAt: yield* Clock.currentTimeMillis,
    }
    const isRepeatable = (call: Call) => mayRepeat.some((prefix) => call.request.url.startsWith(prefix))
    const found: Array<Omit<Problems.Problem, "crashes">> = []
    const baseline = yield* History.play(subject)
    const histories: Array<History.History> = []

    const { error, status } = baseline.run
    const isBroken = baseline.stuck !== undefined || status !== "completed"
    if (baseline.stuck !== undefined) {
      found.push(
        ...Problems.of(baseline, baseline, isRepeatable).map((one) => ({ ...one, crash: undefined })),
      )
    } else if (status !== "completed") {
      const last = Array.from(baseline.attempts.at(-1)?.steps.values() ?? []).at(-1)
      found.push({
        kind: "failed",
        place: "the end of the run",
        at: last?.at,
        message: `Without a crash the run is ${status}${error == null ? "" : ` with ${error.code}: ${error.message.split("\n")[0]}`}.`,
        advice:
          "A crash test needs a run that completes: give it an input, answers and services with which it does.",
        crash: undefined,
      })
    }
    if (!isBroken) {
      for (const { others, step } of Problems.interruptedSteps(baseline)) {
        const other =
          others.length === 0
            ? undefined
            : yield* History.play(subject, {
                order: { first: idOf(step), others: new Set(others.map(idOf)) },
              })
        const problem = Problems.raced(step, others, baseline, other)
        if (problem !== undefined) found.push({ ...problem, crash: undefined })
      }
      let isStuck = false
      for (let at = 0; at < baseline.places; at += 1) {
        const history: History.History = yield* History.play(subject, {
          crashAt: at,
          jumps: isStuck ? hastyJumps : undefined,
        })
        const { crash } = history
        if (crash === undefined) continue
        isStuck ||= history.stuck !== undefined
        histories.push(history)
        found.push(...Problems.of(baseline, history, isRepeatable).map((one) => ({ ...one, crash })))
      }
    }
    const sameOf = ({ at, kind, place }: Pick<Problems.Problem, "at" | "kind" | "place">) =>
      JSON.stringify([kind, place, at])
    return {
      crashes: histories.flatMap(({ crash }) => crash ?? []),
      rows: rowsOf(baseline, histories),
      problems: distinct(found, sameOf).map((problem) => ({
        ...problem,
        crashes: new Set(
          found
            .filter((one) => one.crash !== undefined && sameOf(one) === sameOf(problem))
            .map(({ crash }) => crash),
        ).size,
      })),
    }
  })
