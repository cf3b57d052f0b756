/**
 * Runs on SQL: reading, ending, resuming. Submitting is in SqlSubmit, the worker's session in SqlSessions.
 *
 * @since 0.1.0
 */
import type { Fragment } from "@effect/sql/Statement"
import {
  Ids,
  type Interrupt,
  Page,
  type RequestSnapshot,
  type ResumeRules,
  Run,
  Runs,
  WaitTransitions,
} from "@runlease/core"
import { Effect, Either } from "effect"
import * as InputRows from "../batch/InputRows.js"
import * as ResumeRows from "../batch/ResumeRows.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type * as RunBatch from "../batch/RunBatch.js"
import * as RunQueries from "../batch/RunQueries.js"
import * as RunEnd from "../batch/RunEnd.js"
import { type StoredRun, toRun, toStored } from "../rows/RunCodec.js"
import { type DetailRow, Gate, type RunRow, selectedDetails, selectedRun } from "../rows/RunRow.js"
import * as SqlFollowUps from "./SqlFollowUps.js"
import * as SqlSessions from "./SqlSessions.js"
import type { SqlStore } from "../batch/SqlStore.js"
import * as SqlSubmit from "./SqlSubmit.js"

interface Resume {
  readonly ref: RunQueries.RunRef
  readonly answers: Interrupt.Answers
  readonly messageIds: ReadonlyArray<string>
}

/** Whether an operation changed a run, and the run after it. */
interface Decision {
  readonly changed: boolean
  readonly stored: StoredRun
  readonly details: ReadonlyMap<number, DetailRow>
}

interface Answer {
  readonly changed: boolean
  readonly run: Run.Run
}

const answer = ({ changed, details, stored }: Decision): Answer => ({
  changed,
  run: toRun(stored, details.get(stored.key)!),
})

const keysOf = (runs: RunBatch.RunBatch, refs: ReadonlyArray<RunQueries.RunRef>): ReadonlyArray<number> =>
  refs.flatMap((ref) => runs.find(ref)?.key ?? [])

/** Ends every run that has not ended. */
const endAll = (requests: ReadonlyArray<RunEnd.Request>, runs: RunBatch.RunBatch) => {
  const details = runs.late(
    keysOf(
      runs,
      requests.map(({ ref }) => ref),
    ),
  )
  return requests.map((request) =>
    Either.map(RunEnd.end(runs, request), (changed): Decision => ({
      changed,
      stored: runs.find(request.ref)!,
      details,
    })),
  )
}

/** Gives the answers to the runs that wait for them. */
const resumeAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Resume>,
  runs: RunBatch.RunBatch,
) {
  const keys = keysOf(
    runs,
    requests.map(({ ref }) => ref),
  )
  const details = runs.late(keys)
  const records = yield* ResumeRows.read(store, keys)
  const changed = new Map<number, ResumeRules.ResumeRecord>()

  const resumeOne = ({
    ref,
    answers,
    messageIds,
  }: Resume): Either.Either<Decision, Run.RunNotFound | Runs.NotWaiting> => {
    const found = runs.find(ref)
    if (found === undefined) return Either.left(new Run.RunNotFound({ runId: ref.runId }))
    const expired = WaitTransitions.expireWait(found.state, runs.now)
    const run = expired === undefined ? found : runs.apply(found, expired)
    return Either.map(
      WaitTransitions.resume(run.state, records.get(run.key)!, answers, messageIds, runs.now),
      ({ record, transition }): Decision => {
        if (transition === undefined) return { changed: false, stored: run, details }
        records.set(run.key, record)
        changed.set(run.key, record)
        return { changed: true, stored: runs.apply(run, transition), details }
      },
    )
  }

  const verdicts = requests.map(resumeOne)
  yield* ResumeRows.write(store, changed)
  return verdicts
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
        (row) => toRun(toStored(row), row),
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
  const refs = ({ ref }: { readonly ref: RunQueries.RunRef }) => [ref]
  const end = store.writer.operation<RunEnd.Request, Decision, Answer, Run.RunNotFound | Run.LeaseLost>({
    name: "Runs.end",
    refs,
    decide: (requests, runs) => Effect.sync(() => endAll(requests, runs)),
    answer,
  })
  const resume = store.writer.operation<Resume, Decision, Answer, Run.RunNotFound | Runs.NotWaiting>({
    name: "Runs.resume",
    refs,
    decide: (requests, runs) => resumeAll(store, requests, runs),
    answer,
  })

  const get = (ref: RunQueries.RunRef) =>
    Effect.flatMap(store.read("Runs.get", RunQueries.findRun(store, ref)), (row) =>
      row === undefined
        ? new Run.RunNotFound({ runId: ref.runId })
        : Effect.succeed(toRun(toStored(row), row)),
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
        Effect.map(({ changed, run }) => ({ cancelled: changed, run })),
        // Only a fence can be lost, and a cancellation has none.
        Effect.catchTag("LeaseLost", Effect.die),
      ),

    resume: Effect.fnUntraced(function* (runId, answers) {
      const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
      const { changed, run } = yield* InputRows.onNamed(store, "Runs.resume", { projectId, runId }, (ref) =>
        resume({ ref, answers, messageIds }),
      )
      return { duplicate: !changed, run }
    }),

    followUp: (runId, input) =>
      InputRows.onNamed(store, "Runs.followUp", { projectId, runId }, (ref) => followUp(ref, input)),

    complete: (runId, outcome, fence) =>
      Effect.map(
        InputRows.onNamed(store, "Runs.complete", { projectId, runId }, (ref) =>
          end({ ref, outcome, fence }),
        ),
        ({ changed, run }) => ({ completed: changed, run }),
      ),

    recordSession: (lease, record) => recordSession(projectId, lease, record),
  })
}
