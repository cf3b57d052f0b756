/**
 * Runs on SQL: reading, ending, resuming. Submitting is in SqlSubmit, the worker's session in SqlSessions.
 *
 * @since 0.1.0
 */
import type { Fragment } from "@effect/sql/Statement"
import { type GroupCommit, Ids, Json, type RequestSnapshot, Run, Runs } from "@runlease/core"
import { Effect, Either } from "effect"
import * as Moves from "./Moves.js"
import * as Paging from "./Paging.js"
import * as RunBatch from "./RunBatch.js"
import { Gate, leaseOf, type RunRow, selected, toJson, toRun, waitingOf } from "./RunRow.js"
import * as SqlSessions from "./SqlSessions.js"
import type { SqlStore } from "./SqlStore.js"
import * as SqlSubmit from "./SqlSubmit.js"

interface End {
  readonly ref: RunBatch.RunRef
  readonly outcome: Runs.Outcome
  readonly fence: Run.Fence | undefined
}

interface Ended {
  readonly ended: boolean
  readonly run: Run.Run
}

interface Resume {
  readonly ref: RunBatch.RunRef
  readonly answer: Runs.ToolAnswer
  readonly messageId: string
}

interface DetailRow {
  readonly run_pk: number
  readonly snapshot: string
  readonly answers: string
}

/** Ends every run of the batch that has not ended, and tells the holder of one that was cancelled. */
const endAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<End>,
  commit: GroupCommit.Commit,
) {
  const { sql, dialect, wakeups } = store
  const runs = yield* RunBatch.make(store, commit)
  yield* runs.load(requests.map(({ ref }) => ref))
  const metadata: Array<{ readonly run_pk: number; readonly metadata: string | null }> = []

  const endOne = ({ ref, outcome, fence }: End): Either.Either<Ended, Run.RunNotFound | Run.LeaseLost> => {
    const { runId } = ref
    const row = runs.find(ref)
    if (row === undefined) return Either.left(new Run.RunNotFound({ runId }))
    if (fence !== undefined && Moves.standing(row, fence, runs.now) === "lost") {
      return Either.left(new Run.LeaseLost({ runId, workerId: fence.workerId }))
    }
    if (Run.isTerminal(row.status)) return Either.right({ ended: false, run: toRun(row) })
    const replaced = outcome.metadata === undefined ? row.metadata : toJson(outcome.metadata)
    if (outcome.metadata !== undefined) metadata.push({ run_pk: row.run_pk, metadata: replaced })
    const holder = leaseOf(row)?.owner
    if (outcome.status === "cancelled" && fence === undefined && holder !== undefined) {
      commit.after(wakeups.signal(holder, { _tag: "Cancelled", runId }))
    }
    const after = runs.move(
      Moves.end({ ...row, metadata: replaced }, outcome.status, outcome.error ?? null, runs.now),
    )
    return Either.right({ ended: true, run: toRun(after) })
  }

  const verdicts = requests.map(endOne)
  yield* runs.flush
  if (metadata.length > 0) {
    yield* sql`UPDATE run_details SET metadata = v.metadata
      FROM ${dialect.rows({ run_pk: "integer", metadata: "text" }, metadata)} v WHERE run_details.run_pk = v.run_pk`
  }
  return verdicts
})

const toolMessage = (id: string, answer: Runs.ToolAnswer): RequestSnapshot.SnapshotMessage => ({
  id,
  role: "tool",
  parts: [
    {
      type: "tool_result",
      toolCallId: answer.toolCallId,
      result: answer.result,
      ...(answer.isError === undefined ? {} : { isError: answer.isError }),
    },
  ],
})

/** Puts every answer into the snapshot of the run that waits for it. */
const resumeAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Resume>,
  commit: GroupCommit.Commit,
) {
  const { sql, dialect } = store
  const runs = yield* RunBatch.make(store, commit)
  yield* runs.load(requests.map(({ ref }) => ref))
  const keys = requests.flatMap(({ ref }) => runs.find(ref)?.run_pk ?? [])
  const details = new Map(
    (yield* sql<DetailRow>`SELECT d.run_pk, d.snapshot, d.answers
      FROM ${RunBatch.keyRows(store, keys)} v JOIN run_details d ON d.run_pk = v.run_pk`).map((row) => [
      row.run_pk,
      row,
    ]),
  )
  const changed = new Set<number>()

  const resumeOne = ({
    ref,
    answer,
    messageId,
  }: Resume): Either.Either<
    { readonly duplicate: boolean; readonly run: Run.Run },
    Run.RunNotFound | Runs.NotWaiting
  > => {
    const found = runs.find(ref)
    if (found === undefined) return Either.left(new Run.RunNotFound({ runId: ref.runId }))
    const row = Moves.waitIsOver(found, runs.now) ? runs.move(Moves.expireWait(found, runs.now)) : found
    const detail = details.get(row.run_pk)!
    const answers = JSON.parse(detail.answers) as Readonly<Record<string, string>>
    const given = Json.canonicalJson(answer)
    if (row.status === "waiting" && waitingOf(row)?.toolCallId === answer.toolCallId) {
      const snapshot = JSON.parse(detail.snapshot) as RequestSnapshot.RequestSnapshot
      details.set(row.run_pk, {
        run_pk: row.run_pk,
        snapshot: JSON.stringify({
          ...snapshot,
          messages: [...snapshot.messages, toolMessage(messageId, answer)],
        }),
        answers: JSON.stringify({ ...answers, [answer.toolCallId]: given }),
      })
      changed.add(row.run_pk)
      return Either.right({ duplicate: false, run: toRun(runs.move(Moves.resume(row, runs.now))) })
    }
    return Object.hasOwn(answers, answer.toolCallId) && answers[answer.toolCallId] === given
      ? Either.right({ duplicate: true, run: toRun(row) })
      : Either.left(new Runs.NotWaiting({ runId: ref.runId, toolCallId: answer.toolCallId }))
  }

  const verdicts = requests.map(resumeOne)
  yield* runs.flush
  if (changed.size > 0) {
    const rows = Array.from(changed, (key) => details.get(key)!)
    yield* sql`UPDATE run_details SET snapshot = v.snapshot, answers = v.answers
      FROM ${dialect.rows({ run_pk: "integer", snapshot: "text", answers: "text" }, rows)} v
      WHERE run_details.run_pk = v.run_pk`
  }
  return verdicts
})

const listRuns = ({ sql }: SqlStore, projectId: Ids.ProjectId, options: Runs.ListRuns) => {
  const [before] = Paging.keysOf(options.cursor, [Number.MAX_SAFE_INTEGER])
  const limit = Paging.limitOf(options)
  const filters: Array<Fragment> = [
    sql`r.project_id = ${projectId}`,
    sql`r.run_pk < ${before}`,
    sql`r.gate <> ${sql.literal(String(Gate.pruned))}`,
  ]
  if (options.status !== undefined) filters.push(sql`r.status = ${options.status}`)
  if (options.agentId !== undefined) filters.push(sql`r.agent_id = ${options.agentId}`)
  if (options.conversationId !== undefined) filters.push(sql`r.conversation_id = ${options.conversationId}`)
  return Effect.map(
    sql<RunRow>`SELECT ${sql.literal(selected)} FROM runs r
      JOIN run_details d ON d.run_pk = r.run_pk
      LEFT JOIN sessions s ON s.run_pk = r.run_pk
      WHERE ${sql.and(filters)} ORDER BY r.run_pk DESC LIMIT ${limit + 1}`,
    (rows) => Paging.pageOf(rows, limit, (row) => [row.run_pk], toRun),
  )
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore): ((projectId: Ids.ProjectId) => Runs.Runs["Type"]) => {
  const submit = SqlSubmit.make(store)
  const recordSession = SqlSessions.make(store)
  const end = store.writer.operation<End, Ended, Run.RunNotFound | Run.LeaseLost>({
    name: "Runs.end",
    run: (requests, commit) => endAll(store, requests, commit),
  })
  const resume = store.writer.operation<
    Resume,
    { readonly duplicate: boolean; readonly run: Run.Run },
    Run.RunNotFound | Runs.NotWaiting
  >({
    name: "Runs.resume",
    run: (requests, commit) => resumeAll(store, requests, commit),
  })

  return (projectId) => ({
    submit: Effect.fn("Runs.submit")((submission) => submit(projectId, submission)),

    get: Effect.fn("Runs.get")(function* (runId) {
      const row = yield* store.read("Runs.get", RunBatch.findRun(store, { projectId, runId }))
      return row === undefined ? yield* new Run.RunNotFound({ runId }) : toRun(row)
    }),

    list: Effect.fn("Runs.list")((options = {}) =>
      store.read("Runs.list", listRuns(store, projectId, options)),
    ),

    cancel: Effect.fn("Runs.cancel")((runId) =>
      end({ ref: { projectId, runId }, outcome: { status: "cancelled" }, fence: undefined }).pipe(
        Effect.map(({ ended, run }) => ({ cancelled: ended, run })),
        // Only a fence can be lost, and a cancellation has none.
        Effect.catchTag("LeaseLost", Effect.die),
      ),
    ),

    resume: Effect.fn("Runs.resume")(function* (runId, answer) {
      const messageId = yield* Ids.uuidV7
      return yield* resume({ ref: { projectId, runId }, answer, messageId })
    }),

    complete: Effect.fn("Runs.complete")((runId, outcome, fence) =>
      Effect.map(end({ ref: { projectId, runId }, outcome, fence }), ({ ended, run }) => ({
        completed: ended,
        run,
      })),
    ),

    recordSession: Effect.fn("Runs.recordSession")((lease, record) =>
      recordSession(projectId, lease, record),
    ),
  })
}
