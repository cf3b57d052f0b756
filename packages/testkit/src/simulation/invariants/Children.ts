/**
 * A step spawns one child, whatever is sent again; the log of its parent has its end once, and a join returns how it ended. A tree of runs has
 * spent what the logs of its runs report.
 */
import { Array } from "effect"
import type { Event, Final, History, Incident, Suspend } from "../History.js"
import { accepted, valueOf } from "./Calls.js"
import { instant, type Invariant } from "./Violation.js"

/** Steps with more than one child. */
const doubled = (history: History): ReadonlyArray<string> => {
  const byStep = Array.groupBy(
    accepted(history, "Spawn"),
    ({ call: { request } }) => `step ${request.step} of run ${request.run}`,
  )
  return Object.entries(byStep).flatMap(([step, spawned]) => {
    const children = Array.dedupe(spawned.map(({ answer }) => answer.child))
    return children.length === 1 ? [] : [`${step} has the children ${children.join(" and ")}`]
  })
}

/** What the log of a parent has of one child, more than once. */
const repeatedEnds = ({ log, run }: Final): ReadonlyArray<string> => {
  const ends = log.flatMap(({ event }) => {
    const value = valueOf(event, "runlease.child")
    if (value === undefined) return []
    return [
      `${value["outcome"] === undefined ? "the beginning" : "the end"} of child ${String(value["child_run_id"])}`,
    ]
  })
  return Object.entries(Array.groupBy(ends, (what) => what)).flatMap(([what, { length }]) =>
    length === 1 ? [] : [`the log of run ${run} tells ${what} ${length} times`],
  )
}

/** Children that no step of their parent has in its log. */
const unknown = ({ final }: History): ReadonlyArray<string> => {
  const logs = new Map(final.map(({ log, run }) => [run, log]))
  return final.flatMap(({ parent, run }) => {
    const isLogged = logs
      .get(parent ?? "")
      ?.some(({ event }) => valueOf(event, "runlease.child")?.["child_run_id"] === run)
    return parent === undefined || isLogged === true
      ? []
      : [`run ${run} is a child of ${parent}, whose log does not tell it`]
  })
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** The outcomes that a join gave, by the runs of the children. */
const outcomesOf = (
  incident: Incident,
): ReadonlyArray<{ readonly run: string; readonly status: string; readonly result: unknown }> => {
  if (incident._tag !== "Returned" || !incident.name.startsWith("join")) return []
  const value: unknown = JSON.parse(incident.value)
  return globalThis.Array.isArray(value)
    ? value
        .filter(isRecord)
        .map(({ result, run, status }) => ({ run: String(run), status: String(status), result }))
    : []
}

/** Joins that gave something else than how the child ended. */
const misjoined = ({ final, incidents }: History): ReadonlyArray<string> => {
  const finals = new Map(final.map((run) => [run.run, run]))
  return incidents.flatMap((incident) =>
    outcomesOf(incident).flatMap(({ result, run, status }) => {
      const child = finals.get(run)
      const isRight =
        child?.status === status &&
        (status !== "completed" || JSON.stringify(result ?? null) === (child.result ?? "null"))
      return isRight
        ? []
        : [
            `a join at ${instant(incident.at)} gave that child ${run} has ${status}; it has ${child?.status ?? "gone"}`,
          ]
    }),
  )
}

/** Whether the run may have gone on for something else than the end of children: for an answer, one about its budget among them. */
const isForMore = (
  history: History,
  { forOthers, questions, run }: Suspend["request"],
  from: number,
  to: number,
): boolean =>
  forOthers ||
  questions.length > 0 ||
  [...accepted(history, "Resume"), ...accepted(history, "FollowUp")].some(
    ({ at, call: { request } }) => request.run === run && from <= at && at <= to,
  )

/** Runs that waited for children alone, and went on before all of one group had ended, by their own logs. */
const wokenEarly = (history: History): ReadonlyArray<string> => {
  const grants = accepted(history, "Claim").flatMap(({ answer, at }) =>
    answer.grants.map(({ epoch, run }) => ({ at, epoch, run })),
  )
  const logs = new Map(history.final.map(({ log, run }) => [run, log]))
  return accepted(history, "Suspend").flatMap(({ at, call: { request } }) => {
    const { children, epoch, run } = request
    const next = grants.find((grant) => grant.run === run && grant.epoch > (epoch ?? 0))
    if (children.length === 0 || next === undefined || isForMore(history, request, at, next.at)) return []
    const ended = new Set(
      (logs.get(run) ?? []).flatMap((entry) => {
        const value = valueOf(entry.event, "runlease.child")
        return value?.["outcome"] === undefined || entry.at > next.at ? [] : [value["index"]]
      }),
    )
    return children.some((group) => group.every((index) => ended.has(index)))
      ? []
      : [
          `run ${run} waited from ${instant(at)} for its children ${children.map((group) => group.join(" and ")).join(", or ")}, ` +
            `and was given again at ${instant(next.at)}, before they had ended`,
        ]
  })
}

export const childrenOnce: Invariant = {
  name: "children-once",
  holds: "a step spawns one child, whose end arrives once, and a join waits for it and gives it",
  broken: (history) => [
    ...doubled(history),
    ...history.final.flatMap(repeatedEnds),
    ...unknown(history),
    ...misjoined(history),
    ...wokenEarly(history),
  ],
}

/** What events report to be spent. */
export const costOf = (events: ReadonlyArray<Event>): number =>
  events.reduce((sum, event) => {
    const cost = valueOf(event, "runlease.usage")?.["cost"]
    return typeof cost === "number" ? sum + cost : sum
  }, 0)

export const budgetsAreExact: Invariant = {
  name: "budgets-are-exact",
  holds: "a tree of runs has spent what its logs report, each report once",
  broken: ({ final }) =>
    final.flatMap(({ run, spent }) => {
      if (spent === undefined) return []
      const reported = final
        .filter(({ root }) => root === run)
        .reduce((sum, { log }) => sum + costOf(log.map(({ event }) => event)), 0)
      return reported === spent
        ? []
        : [`the tree of run ${run} has spent ${spent}, and its logs report ${reported}`]
    }),
}
