/**
 * Inputs of clients that go on with waiting runs, on SQL.
 *
 * @since 0.1.0
 */
import { type ResumeRules, type FollowUp, FollowUpRules, Ids, Run, type Runs } from "@runlease/core"
import { Effect, Either } from "effect"
import { execute } from "../dialect/ExecuteStatement.js"
import * as InputRows from "../batch/InputRows.js"
import * as KeptAnswers from "../batch/KeptAnswers.js"
import * as Moves from "../batch/Moves.js"
import type * as RunBatch from "../batch/RunBatch.js"
import * as RunEnd from "../batch/RunEnd.js"
import type { RunRef } from "../batch/RunQueries.js"
import { type DetailRow, eventId, type RunRow, toRun, waitingOf } from "../rows/RunRow.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface Request {
  readonly ref: RunRef
  readonly followUp: FollowUp.FollowUp
  readonly fingerprint: string
  readonly messageId: string
}

type Refusal = Run.RunNotFound | Runs.NotWaiting | Runs.SubmissionConflict

interface Decision {
  readonly decision: FollowUpRules.Decision
  readonly row: RunRow
  readonly details: ReadonlyMap<number, DetailRow>
}

const publicRef = ({ followUp, ref }: Request): RunRef => ({
  projectId: ref.projectId,
  runId: followUp.publicId,
})

const nameOf = ({ projectId, runId }: RunRef): string => `${projectId}/${runId}`

const followUpAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Request>,
  runs: RunBatch.RunBatch,
) {
  const keys = requests.flatMap(({ ref }) => runs.find(ref)?.run_pk ?? [])
  const kept = yield* KeptAnswers.read(store, keys)
  const { named, taken } = yield* InputRows.read(store, requests.map(publicRef), keys)
  const changed = new Map<number, ResumeRules.ResumeRecord>()
  const added: Array<InputRows.NewInput> = []

  const details = runs.late(keys)

  const followUpOne = (request: Request): Either.Either<Decision, Refusal> => {
    const { fingerprint, followUp, messageId, ref } = request
    const found = runs.find(ref)
    if (found === undefined) return Either.left(new Run.RunNotFound({ runId: ref.runId }))
    const row = Moves.waitIsOver(found, runs.now) ? runs.move(Moves.expireWait(found, runs.now)) : found
    const name = nameOf(publicRef(request))
    const situation: FollowUpRules.Situation = {
      run: {
        runId: row.run_id,
        waiting: waitingOf(row),
        latestEventId: eventId(row.latest_event_id),
      },
      record: kept.get(row.run_pk)!,
      namesRun: runs.find(publicRef(request)) !== undefined,
      named: named.get(name),
      taken: [
        ...(taken[String(row.run_pk)] ?? []).map(({ input }) => input),
        ...added.flatMap(({ input, runPk }) => (runPk === row.run_pk ? [input] : [])),
      ],
    }
    return Either.map(FollowUpRules.decide(situation, followUp, fingerprint, messageId), (decision) => {
      if ("input" in decision && decision.unnamed) {
        named.set(name, decision.input)
        added.push({ projectId: ref.projectId, runPk: row.run_pk, input: decision.input })
      }
      if (decision._tag === "Continue") {
        kept.set(row.run_pk, decision.record)
        changed.set(row.run_pk, decision.record)
        runs.move(Moves.answered(row, null, runs.now))
      }
      if (decision._tag === "Complete") {
        RunEnd.end(store.wakeups, runs, { ref, outcome: { status: "completed" }, fence: undefined })
      }
      return { decision, row: runs.find(ref)!, details }
    })
  }

  const verdicts = requests.map(followUpOne)
  yield* KeptAnswers.write(store, changed)
  if (added.length > 0) yield* execute(InputRows.insert(store, added))
  return verdicts
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore) => {
  const send = store.writer.operation<Request, Decision, FollowUp.FollowedUp, Refusal>({
    name: "Runs.followUp",
    refs: (request) => [request.ref, publicRef(request)],
    decide: (requests, runs) => followUpAll(store, requests, runs),
    answer: ({ decision, details, row }) =>
      FollowUpRules.resultOf(decision, toRun(row, details.get(row.run_pk)!)),
  })

  return Effect.fnUntraced(function* (ref: RunRef, followUp: FollowUp.FollowUp) {
    const messageId = yield* Ids.uuidV7
    const fingerprint = yield* FollowUpRules.fingerprintOf(followUp)
    return yield* send({ ref, followUp, fingerprint, messageId })
  })
}
