/**
 * Runs on SQL: reading, ending, resuming. Submitting is in SqlSubmit, the worker's session in SqlSessions.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import {
  ResumeRules,
  type GroupCommit,
  Ids,
  type Interrupt,
  Page,
  type RequestSnapshot,
  Run,
  Runs,
} from "@runlease/core"
import { Effect, Either } from "effect"
import * as InputRows from "../batch/InputRows.js"
import * as KeptAnswers from "../batch/KeptAnswers.js"
import * as Moves from "../batch/Moves.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import * as RunBatch from "../batch/RunBatch.js"
import * as RunQueries from "../batch/RunQueries.js"
import * as RunEnd from "../batch/RunEnd.js"
import {
  type DetailRow,
  Gate,
  type RunRow,
  selectedDetails,
  selectedRun,
  toRun,
  waitingOf,
} from "../rows/RunRow.js"
import * as SqlFollowUps from "./SqlFollowUps.js"
import * as SqlSessions from "./SqlSessions.js"
import type { SqlStore } from "../batch/SqlStore.js"
import * as SqlSubmit from "./SqlSubmit.js"

interface Ended {
  readonly ended: boolean
  readonly run: Run.Run
}

interface Resume {
  readonly ref: RunQueries.RunRef
  readonly answers: Interrupt.Answers
  readonly messageIds: ReadonlyArray<string>
}

interface Resumed {
  readonly duplicate: boolean
  readonly run: Run.Run
}

/** Ends every run of the batch that has not ended. */
const endAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<RunEnd.Request>,
  commit: GroupCommit.Commit<SqlError>,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  const verdicts = requests.map((request) => RunEnd.end(store, runs, commit, request))
  const runOf = yield* readRuns(
    runs,
    requests.map(({ ref }) => ref),
  )
  return requests.map(({ ref }, index) =>
    Either.map(verdicts[index]!, (ended): Ended => ({ ended, run: runOf(ref) })),
  )
})

/** Gives the loaded ones of these runs as they are after the moves so far. */
const readRuns = (runs: RunBatch.RunBatch, refs: ReadonlyArray<RunQueries.RunRef>) =>
  Effect.map(
    runs.details(refs.flatMap((ref) => runs.find(ref)?.run_pk ?? [])),
    (details) => (ref: RunQueries.RunRef) => {
      const row = runs.find(ref)!
      return toRun(row, details.get(row.run_pk)!)
    },
  )

/** Puts every answer into the snapshot of the run that waits for it. */
const resumeAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Resume>,
  commit: GroupCommit.Commit<SqlError>,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  const refs = requests.map(({ ref }) => ref)
  const keys = refs.flatMap((ref) => runs.find(ref)?.run_pk ?? [])
  const kept = yield* KeptAnswers.read(store, keys)
  const changed = new Map<number, ResumeRules.ResumeRecord>()

  const resumeOne = ({
    ref,
    answers,
    messageIds,
  }: Resume): Either.Either<boolean, Run.RunNotFound | Runs.NotWaiting> => {
    const found = runs.find(ref)
    if (found === undefined) return Either.left(new Run.RunNotFound({ runId: ref.runId }))
    const row = Moves.waitIsOver(found, runs.now) ? runs.move(Moves.expireWait(found, runs.now)) : found
    const run = { runId: row.run_id, waiting: waitingOf(row) }
    return Either.map(
      ResumeRules.applyAnswers(run, kept.get(row.run_pk)!, answers, messageIds),
      (answered) => {
        if (!answered.duplicate) {
          kept.set(row.run_pk, answered.record)
          changed.set(row.run_pk, answered.record)
          runs.move(Moves.answered(row, answered.waiting, runs.now))
        }
        return answered.duplicate
      },
    )
  }

  const verdicts = requests.map(resumeOne)
  yield* KeptAnswers.write(store, changed)
  const runOf = yield* readRuns(runs, refs)
  return requests.map(({ ref }, index) =>
    Either.map(verdicts[index]!, (duplicate): Resumed => ({ duplicate, run: runOf(ref) })),
  )
})

const listRuns = (
  { sql }: SqlStore,
  projectId: Ids.ProjectId,
  options: Runs.ListRuns,
  [before]: ReadonlyArray<number>,
) => {
  const limit = KeysetPage.limitOf(options)
  const filters: Array<Fragment> = [
    sql`r.project_id = ${projectId}`,
    sql`r.run_pk < ${before}`,
    sql`r.gate <> ${sql.literal(String(Gate.pruned))}`,
  ]
  if (options.status !== undefined) filters.push(sql`r.status = ${options.status}`)
  if (options.agentId !== undefined) filters.push(sql`r.agent_id = ${options.agentId}`)
  if (options.conversationId !== undefined) filters.push(sql`r.conversation_id = ${options.conversationId}`)
  return Effect.map(
    sql<RunRow & DetailRow>`SELECT ${sql.literal(`${selectedRun}, ${selectedDetails}`)} FROM runs r
      JOIN run_details d ON d.run_pk = r.run_pk
      LEFT JOIN sessions s ON s.run_pk = r.run_pk
      WHERE ${sql.and(filters)} ORDER BY r.run_pk DESC LIMIT ${limit + 1}`,
    (rows) =>
      KeysetPage.pageOf(
        rows,
        limit,
        (row) => [row.run_pk],
        (row) => toRun(row, row),
      ),
  )
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore): ((projectId: Ids.ProjectId) => Runs.Runs["Type"]) => {
  const submit = SqlSubmit.make(store)
  const followUp = SqlFollowUps.make(store)
  const recordSession = SqlSessions.make(store)
  const load = (
    requests: ReadonlyArray<{ readonly ref: RunQueries.RunRef }>,
    commit: GroupCommit.Commit<SqlError>,
  ) =>
    RunBatch.load(
      store,
      commit,
      requests.map(({ ref }) => ref),
    )
  const end = store.writer.operation<RunEnd.Request, Ended, Run.RunNotFound | Run.LeaseLost>({
    name: "Runs.end",
    load,
    run: (requests, commit) => endAll(store, requests, commit),
  })
  const resume = store.writer.operation<Resume, Resumed, Run.RunNotFound | Runs.NotWaiting>({
    name: "Runs.resume",
    load,
    run: (requests, commit) => resumeAll(store, requests, commit),
  })

  const get = (ref: RunQueries.RunRef) =>
    Effect.flatMap(store.read("Runs.get", RunQueries.findRun(store, ref)), (row) =>
      row === undefined ? new Run.RunNotFound({ runId: ref.runId }) : Effect.succeed(toRun(row, row)),
    )

  const snapshot = (ref: RunQueries.RunRef) =>
    Effect.flatMap(store.read("Runs.snapshot", RunQueries.findSnapshot(store, ref)), (text) =>
      text === undefined
        ? new Run.RunNotFound({ runId: ref.runId })
        : Effect.succeed(JSON.parse(text) as RequestSnapshot.RequestSnapshot),
    )

  return (projectId) => ({
    submit: Runs.submitChecked((submission) => submit(projectId, submission)),

    get: (runId) => InputRows.onNamed(store, "Runs.get", { projectId, runId }, get),

    snapshot: (runId) => InputRows.onNamed(store, "Runs.snapshot", { projectId, runId }, snapshot),

    inputs: (runId) => store.read("Runs.inputs", InputRows.ofRun(store, { projectId, runId })),

    list: (options = {}) =>
      Effect.flatMap(Page.keysOf(options.cursor, [Number.MAX_SAFE_INTEGER]), (before) =>
        store.read("Runs.list", listRuns(store, projectId, options, before)),
      ),

    cancel: (runId) =>
      InputRows.onNamed(store, "Runs.cancel", { projectId, runId }, (ref) =>
        end({ ref, outcome: { status: "cancelled" }, fence: undefined }),
      ).pipe(
        Effect.map(({ ended, run }) => ({ cancelled: ended, run })),
        // Only a fence can be lost, and a cancellation has none.
        Effect.catchTag("LeaseLost", Effect.die),
      ),

    resume: Effect.fnUntraced(function* (runId, answers) {
      const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
      return yield* InputRows.onNamed(store, "Runs.resume", { projectId, runId }, (ref) =>
        resume({ ref, answers, messageIds }),
      )
    }),

    followUp: (runId, input) =>
      InputRows.onNamed(store, "Runs.followUp", { projectId, runId }, (ref) => followUp(ref, input)),

    complete: (runId, outcome, fence) =>
      Effect.map(
        InputRows.onNamed(store, "Runs.complete", { projectId, runId }, (ref) =>
          end({ ref, outcome, fence }),
        ),
        ({ ended, run }) => ({ completed: ended, run }),
      ),

    recordSession: (lease, record) => recordSession(projectId, lease, record),
  })
}
