/**
 * What the store has of a run, and how the run came to where it is.
 */
import {
  AgentEvent,
  ControlEvents,
  type ControlPlaneError,
  type Ids,
  Run,
  RunLog,
  Runs,
  StepRecord,
  type Summaries,
} from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import type * as Api from "@runlease/http/Api"
import { Chunk, Effect, Option, Stream } from "effect"
import * as RecordLines from "../output/RecordLines.js"
import type * as ApiClient from "../input/ApiClient.js"

/** A child that has been spawned and belongs to the run. */
export interface Child {
  readonly runId: string
  readonly agentId: string
  readonly ended: boolean
}

/**
 * `marks`: the events `runlease.attempt` of its log. `pauses`: the events `runlease.waiting`. `questions`: the events that end a part of the
 * run with a question. `answers`: the events that say who answered. `failedSteps`: the newest ends of steps that have failed. `lastEntry`: the newest entry. `workers`: those of the project, newest heartbeat first, 1,000 at most.
 */
export interface Facts {
  readonly run: Run.Run
  readonly summary: Summaries.RunSummary
  readonly standing: Summaries.Standing
  readonly marks: ReadonlyArray<RunLog.LogEntry>
  readonly pauses: ReadonlyArray<RunLog.LogEntry>
  readonly questions: ReadonlyArray<RunLog.LogEntry>
  readonly answers: ReadonlyArray<RunLog.LogEntry>
  readonly failedSteps: ReadonlyArray<RunLog.LogEntry>
  readonly children: ReadonlyArray<Child>
  readonly lastEntry: RunLog.LogEntry | null
  readonly workers: ReadonlyArray<Summaries.WorkerSummary>
}

/** The entries of a log that match. */
const entries = (
  runId: Ids.RunId,
  filter: { readonly types?: ReadonlyArray<string>; readonly name?: string },
) =>
  Effect.flatMap(RunLog.RunLog, (log) =>
    Stream.paginateChunkEffect(Run.EventId.make(0), (after) =>
      Effect.map(log.read({ runId, after, limit: RunLog.maxReadLimit, ...filter }), (page) => [
        Chunk.unsafeFromArray(page),
        Option.fromNullable(page.at(-1)?.eventId),
      ]),
    ).pipe(Stream.runCollect, Effect.map(Chunk.toReadonlyArray)),
  )

/** The most failed steps that are named. */
const maxFailedSteps = 20

const isQuestion = ({ event }: RunLog.LogEntry): boolean =>
  (event["outcome"] as { readonly type?: unknown } | undefined)?.type === "interrupt"

const childrenOf = (spawned: ReadonlyArray<RunLog.LogEntry>): ReadonlyArray<Child> => {
  const children = new Map<string, Child>()
  for (const { event } of spawned) {
    const child = Option.getOrUndefined(ChildEvent.fromEvent(event))
    if (child === undefined || child.detached) continue
    children.set(child.runId, {
      runId: child.runId,
      agentId: child.agentId,
      ended: child.outcome !== undefined,
    })
  }
  return Array.from(children.values())
}

/** The most pages of workers that are read. */
const maxPages = 10

/** The workers of a project, newest heartbeat first, 1,000 at most. */
export const workersOf = (
  client: Api.Client,
  project: string,
): Effect.Effect<ReadonlyArray<Summaries.WorkerSummary>, ApiClient.Failure> =>
  Stream.paginateChunkEffect(
    { cursor: undefined as string | undefined, left: maxPages },
    ({ cursor, left }) =>
      Effect.map(
        client.observe.workerSummaries({
          path: { project_reference: project },
          urlParams: { limit: 100, cursor },
        }),
        ({ data, page_info: { next } }) => [
          Chunk.unsafeFromArray(data),
          next === null || left <= 1 ? Option.none() : Option.some({ cursor: next, left: left - 1 }),
        ],
      ),
  ).pipe(Stream.runCollect, Effect.map(Chunk.toReadonlyArray))

/** Reads the facts about a run, by its id or by that of an input that it accepted. */
export const read: (
  client: Api.Client,
  project: string,
  name: Ids.RunId,
) => Effect.Effect<
  Facts,
  ApiClient.Failure | Run.RunNotFound | ControlPlaneError.ControlPlaneError,
  Runs.Runs | RunLog.RunLog
> = Effect.fnUntraced(function* (client, project, name) {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const run = yield* runs.get(name)
  const { runId } = run
  const path = { run_id: runId }
  const [summary, standing, marks, pauses, questions, answers, steps, spawned, last, workers] =
    yield* Effect.all(
      [
        client.observe.runSummary({ path }),
        client.observe.standing({ path }),
        entries(runId, { name: AgentEvent.attemptEventName }),
        entries(runId, { name: ControlEvents.waitingEventName }),
        entries(runId, { types: ["RUN_FINISHED"] }),
        entries(runId, { name: AgentEvent.answeredEventName }),
        entries(runId, { types: ["STEP_FINISHED"] }),
        entries(runId, { name: StepRecord.childEventName }),
        log.read({ runId, after: Run.EventId.make(Math.max(0, run.latestEventId - 1)), limit: 1 }),
        workersOf(client, project),
      ],
      { concurrency: 4 },
    )
  const facts: Facts = {
    run,
    summary,
    standing,
    marks,
    pauses,
    questions: questions.filter(isQuestion),
    answers,
    failedSteps: steps
      .filter(({ event }) => Option.isSome(RecordLines.ofFailedStep(event)))
      .slice(-maxFailedSteps),
    children: childrenOf(spawned),
    lastEntry: last.at(-1) ?? null,
    workers,
  }
  return facts
})
