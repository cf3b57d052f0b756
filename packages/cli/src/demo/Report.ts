/**
 * The result of the demonstration, computed from the store alone: each run and each event of its log.
 */
import { ControlEvents, type Page, type Run, RunLog, Runs } from "@runlease/core"
import { Chunk, Effect, Option, Stream } from "effect"
import type { Document } from "./Documents.js"

/** A run that must be in the store. */
export interface Expected {
  readonly runId: Run.Run["runId"]
  readonly document: Document
}

/** One finished run, by the store. */
export interface RunReport {
  readonly runId: Run.Run["runId"]
  readonly document: Document
  readonly status: Run.RunStatus
  readonly attempts: number
  readonly events: number
  /** Milliseconds from the submit to the start of the log. */
  readonly pickUp: number
  /** When a later attempt took over, in milliseconds since the epoch, with the worker that lost it. */
  readonly takenOver: { readonly at: number; readonly from: string } | null
  /** What is wrong with the run, each a sentence. */
  readonly problems: ReadonlyArray<string>
}

interface Mark {
  readonly previous: { readonly worker_id: string; readonly ended: string }
}

const figuresEvent = "document.figures"

/** Reads the whole log of a run that has ended. */
const readLog = (runId: Run.Run["runId"]) =>
  Effect.flatMap(RunLog.RunLog, (log) =>
    Effect.map(Stream.runCollect(log.follow({ runId })), (entries) => Array.from(entries)),
  )

const problemsOf = (
  run: Run.Run,
  document: Document,
  entries: ReadonlyArray<RunLog.LogEntry>,
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const check = (passes: boolean, sentence: string) => {
    if (!passes) problems.push(`${document.name}: ${sentence}`)
  }
  const lastMark = entries.findLastIndex((entry) => entry.event["name"] === ControlEvents.attemptEventName)
  const finalAttempt = entries.slice(lastMark + 1)
  const figures = finalAttempt.filter((entry) => entry.event["name"] === figuresEvent)
  const reported = figures[0]?.event["value"] as { lines?: unknown; headings?: unknown } | undefined
  const headings = finalAttempt.filter((entry) => entry.event.type === "TEXT_MESSAGE_CONTENT")

  check(
    run.status === "completed",
    `ended as ${run.status}${run.error === null ? "" : `: ${run.error.message}`}`,
  )
  check(
    entries.every((entry, index) => entry.eventId === index + 1),
    "its log has a gap or an event twice",
  )
  check(entries.filter(ControlEvents.endsLog).length === 1, "its log does not end exactly once")
  check(figures.length === 1, `the figures are there ${figures.length} times`)
  check(
    reported?.lines === document.lines && reported?.headings === document.headings,
    "the figures are not those of the document",
  )
  check(headings.length === document.headings, "the outline has lost or doubled a heading")
  return problems
}

/** Reports on one run from the store. */
export const ofRun = Effect.fn("Report.ofRun")(function* ({ document, runId }: Expected) {
  const runs = yield* Runs.Runs
  const run = yield* runs.get(runId)
  const entries = yield* readLog(runId)
  const mark = entries.find((entry) => entry.event["name"] === ControlEvents.attemptEventName)
  const previous = (mark?.event["value"] as Mark | undefined)?.previous
  const started = entries[0]?.createdAt.epochMillis ?? Number.NaN
  const report: RunReport = {
    runId,
    document,
    status: run.status,
    attempts: 1 + entries.filter((entry) => entry.event["name"] === ControlEvents.attemptEventName).length,
    events: entries.length,
    pickUp: started - run.createdAt.epochMillis,
    takenOver:
      mark === undefined || previous === undefined
        ? null
        : { at: mark.createdAt.epochMillis, from: previous.worker_id },
    problems: problemsOf(run, document, entries),
  }
  return report
})

/** The quantile `q` of the values, `q` between 0 and 1. */
const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** A page in the form that `Stream.paginateChunkEffect` takes: its items, and where the next page begins. */
export const nextPage = <A>({ items, next }: Page.Page<A>) =>
  [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const

/** Sums up all runs. `stored` is the number of runs in the store. */
export const summary = (found: {
  readonly reports: ReadonlyArray<RunReport>
  readonly stored: number
  /** The kill of a worker, and how many runs it held then; null without a kill. */
  readonly kill: { readonly at: number; readonly workerId: string; readonly held: number } | null
}) => {
  const { kill, reports, stored } = found
  const pickUps = reports.map((report) => report.pickUp)
  const taken = reports.filter(({ takenOver }) => kill !== null && takenOver?.from === kill.workerId)
  const takeovers = taken.map(({ takenOver }) => takenOver!.at)
  const held = kill?.held ?? 0
  return {
    runs: reports.length,
    completed: reports.filter((report) => report.status === "completed").length,
    attempts: reports.reduce((sum, report) => sum + report.attempts, 0),
    events: reports.reduce((sum, report) => sum + report.events, 0),
    pickUpP50: quantile(pickUps, 0.5),
    pickUpP99: quantile(pickUps, 0.99),
    held,
    takenOver: takeovers.length,
    takeoverMillis: kill === null || takeovers.length === 0 ? null : Math.max(...takeovers) - kill.at,
    /** A run that two workers have worked on, to look at. */
    takenOverRun: taken[0]?.runId ?? null,
    problems: [
      ...reports.flatMap((report) => report.problems),
      ...(stored === reports.length ? [] : [`${stored} runs are stored for ${reports.length} documents`]),
      ...(takeovers.length === held
        ? []
        : [`${takeovers.length} runs were taken over of ${held} that the killed worker held`]),
      ...(takeovers.length > 0 ? [] : ["No run was taken over, so nothing was shown of that"]),
    ],
  }
}
export type Summary = ReturnType<typeof summary>
