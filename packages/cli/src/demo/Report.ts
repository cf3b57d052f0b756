/**
 * The result of the demonstration, computed from the store: each run and each event of its log. What the editor did outside of the
 * store is in its ledger.
 */
import { ControlEvents, type Page, type Run, RunLog, Runs, StepRecord } from "@runlease/core"
import { Chunk, Effect, Option, Predicate, Stream } from "effect"
import { editorSteps, figuresEvent, headingStep } from "./Agents.js"
import type { Document } from "./Documents.js"

/** A run that must be in the store, and the name that people know it by. */
export interface Expected {
  readonly runId: Run.Run["runId"]
  readonly name: string
}

/** One finished run, by the store. */
export interface RunReport {
  readonly runId: Run.Run["runId"]
  readonly status: Run.RunStatus
  readonly attempts: number
  readonly events: number
  readonly steps: number
  /** Milliseconds from the submit to the start of the log. */
  readonly pickUp: number
  /** When a later attempt took over, in milliseconds since the epoch, with the worker that lost it. */
  readonly takenOver: { readonly at: number; readonly from: string } | null
  /** What is wrong with the run, each a sentence. */
  readonly problems: ReadonlyArray<string>
}

type Entries = ReadonlyArray<RunLog.LogEntry>

/** A condition with the sentence that is true where it does not hold. */
type Check = readonly [holds: boolean, otherwise: string]

/** What a record of a step says that the demonstration looks at. */
export interface StepDone {
  readonly name: string
  readonly key: unknown
  readonly result: string | undefined
  readonly messages: ReadonlyArray<unknown>
}

export const stepOf = ({ event }: Pick<RunLog.LogEntry, "event">): Option.Option<StepDone> => {
  const value = event["value"]
  if (event["name"] !== StepRecord.stepEventName || !Predicate.isRecord(value)) return Option.none()
  const { key, messages, name, result } = value
  return Option.some({
    name: String(name),
    key,
    result: typeof result === "string" ? result : undefined,
    messages: Array.isArray(messages) ? messages : [],
  })
}

const stepsIn = (entries: Entries): ReadonlyArray<StepDone> =>
  entries.flatMap((entry) => Option.toArray(stepOf(entry)))

interface Mark {
  readonly previous: { readonly worker_id: string; readonly ended: string }
}

/** The marks of attempts that lost their worker. */
const marksIn = (entries: Entries) =>
  entries.filter(({ event }) => event["name"] === ControlEvents.attemptEventName)

/** Whether an event suspends its run with a question. */
export const isQuestion = ({ event }: Pick<RunLog.LogEntry, "event">): boolean =>
  event.type === "RUN_FINISHED" &&
  Predicate.hasProperty(event["outcome"], "type") &&
  event["outcome"].type === "interrupt"

/** Reads the whole log of a run that has ended. */
const readLog = (runId: Run.Run["runId"]) =>
  Effect.flatMap(RunLog.RunLog, (log) =>
    Effect.map(Stream.runCollect(log.follow({ runId })), (entries): Entries => Array.from(entries)),
  )

const common = (run: Run.Run, entries: Entries): ReadonlyArray<Check> => {
  const steps = stepsIn(entries).map(({ key, name }) => JSON.stringify([name, key]))
  return [
    [
      run.status === "completed",
      `it ended as ${run.status}${run.error === null ? "" : `: ${run.error.message}`}`,
    ],
    [entries.every(({ eventId }, index) => eventId === index + 1), "its log has a gap or an event twice"],
    [entries.filter(ControlEvents.endsLog).length === 1, "its log does not end exactly once"],
    [new Set(steps).size === steps.length, "a step of it is recorded twice"],
  ]
}

/** Reads a run and its log, and checks them. */
const reportOf = ({ name, runId }: Expected, checksOf: (entries: Entries) => ReadonlyArray<Check>) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const run = yield* runs.get(runId)
    const entries = yield* readLog(runId)
    const marks = marksIn(entries)
    const previous = (marks[0]?.event["value"] as Mark | undefined)?.previous
    const report: RunReport = {
      runId,
      status: run.status,
      attempts: 1 + marks.length,
      events: entries.length,
      steps: stepsIn(entries).length,
      pickUp: (entries[0]?.createdAt.epochMillis ?? Number.NaN) - run.createdAt.epochMillis,
      takenOver:
        marks[0] === undefined || previous === undefined
          ? null
          : { at: marks[0].createdAt.epochMillis, from: previous.worker_id },
      problems: [...common(run, entries), ...checksOf(entries)].flatMap(([holds, otherwise]) =>
        holds ? [] : [`${name}: ${otherwise}`],
      ),
    }
    return report
  })

/** Reports on the run of a document. */
export const ofDocument = Effect.fn("Report.ofDocument")(function* (
  runId: Run.Run["runId"],
  document: Document,
) {
  return yield* reportOf({ runId, name: document.name }, (entries) => {
    const figures = entries.filter(({ event }) => event["name"] === figuresEvent)
    const reported = figures[0]?.event["value"]
    const shown = new Set(
      entries.flatMap(({ event }) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event["messageId"]] : [])),
    )
    const headings = stepsIn(entries).filter(({ name }) => name === headingStep)
    return [
      [figures.length === 1, `its figures are there ${figures.length} times`],
      [
        Predicate.isRecord(reported) &&
          reported["lines"] === document.lines &&
          reported["headings"] === document.headings,
        "its figures are not those of the document",
      ],
      [
        headings.length === document.headings &&
          headings.every(({ messages }) => messages.length === 1 && shown.has(messages[0])),
        "its outline has lost or doubled a heading",
      ],
    ]
  })
})

/** Reports on the run of the editor, which has written `payments` lines into its ledger. */
export const ofEditor = Effect.fn("Report.ofEditor")(function* (runId: Run.Run["runId"], payments: number) {
  return yield* reportOf({ runId, name: "the editor" }, (entries) => {
    const names = stepsIn(entries).map(({ name }) => name)
    const intents = entries.filter(({ event }) => event["name"] === StepRecord.intentEventName)
    return [
      [names.join() === editorSteps.join(), `its steps are ${names.join(", ")}`],
      [intents.length === 1, `it has begun to pay ${intents.length} times`],
      [payments === 1, `it has paid ${payments} times`],
      [entries.filter(isQuestion).length === 1, "it has not put its question exactly once"],
    ]
  })
})

/** The quantile `q` of the values, `q` between 0 and 1. */
const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** A page in the form that `Stream.paginateChunkEffect` takes: its items, and where the next page begins. */
const nextPage = <A>({ items, next }: Page.Page<A>) =>
  [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const

/** How many runs are in the store. */
export const stored = Effect.flatMap(Runs.Runs, (runs) =>
  Stream.runCount(
    Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
      Effect.map(runs.list({ limit: 100, cursor }), nextPage),
    ),
  ),
)

/** Sums up all runs. `count` is the number of runs in the store, `payments` that of the lines in the ledger. */
export const summary = (found: {
  readonly documents: ReadonlyArray<RunReport>
  readonly editor: RunReport
  readonly payments: number
  readonly count: number
  /** The kill of a worker, and how many runs it interrupted; null without a kill. */
  readonly kill: { readonly at: number; readonly workerId: string; readonly interrupted: number } | null
}) => {
  const { count, documents, editor, kill, payments } = found
  const reports = [editor, ...documents]
  const pickUps = documents.map((report) => report.pickUp)
  const afterKill = reports.filter(({ takenOver }) => kill !== null && takenOver?.from === kill.workerId)
  const takeovers = afterKill.map(({ takenOver }) => takenOver!.at)
  const interrupted = kill?.interrupted ?? 0
  return {
    runs: reports.length,
    completed: reports.filter((report) => report.status === "completed").length,
    attempts: reports.reduce((sum, report) => sum + report.attempts, 0),
    events: reports.reduce((sum, report) => sum + report.events, 0),
    steps: reports.reduce((sum, report) => sum + report.steps, 0),
    payments,
    pickUpP50: quantile(pickUps, 0.5),
    pickUpP99: quantile(pickUps, 0.99),
    interrupted,
    takenOver: takeovers.length,
    takeoverMillis: kill === null || takeovers.length === 0 ? null : Math.max(...takeovers) - kill.at,
    editorRun: editor.runId,
    problems: [
      ...reports.flatMap((report) => report.problems),
      ...(count === reports.length ? [] : [`${count} runs are stored of ${reports.length}`]),
      ...(takeovers.length === interrupted
        ? []
        : [`${takeovers.length} runs of ${interrupted} that the kill interrupted went to another worker`]),
      ...(takeovers.length > 0 ? [] : ["No run went to another worker, so no takeover was shown"]),
    ],
  }
}
export type Summary = ReturnType<typeof summary>
