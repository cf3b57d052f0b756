/**
 * Inputs of clients that go on with waiting runs, on SQL.
 *
 * @since 0.1.0
 */
import {
  type ResumeRules,
  type FollowUp,
  FollowUpRules,
  Ids,
  Run,
  type Runs,
  WaitTransitions,
} from "@runlease/core"
import { Effect, Either } from "effect"
import { execute } from "../dialect/ExecuteStatement.js"
import * as InputRows from "../batch/InputRows.js"
import * as ResumeRows from "../batch/ResumeRows.js"
import type * as RunBatch from "../batch/RunBatch.js"
import type { RunRef } from "../batch/RunQueries.js"
import { type StoredRun, toRun } from "../rows/RunCodec.js"
import type { DetailRow } from "../rows/RunRow.js"
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
  readonly stored: StoredRun
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
  const keys = requests.flatMap(({ ref }) => runs.find(ref)?.key ?? [])
  const records = yield* ResumeRows.read(store, keys)
  const { named, taken } = yield* InputRows.read(store, requests.map(publicRef), keys)
  const changed = new Map<number, ResumeRules.ResumeRecord>()
  const added: Array<InputRows.NewInput> = []

  const details = runs.late(keys)

  const followUpOne = (request: Request): Either.Either<Decision, Refusal> => {
    const { fingerprint, followUp, messageId, ref } = request
    const found = runs.find(ref)
    if (found === undefined) return Either.left(new Run.RunNotFound({ runId: ref.runId }))
    const expired = WaitTransitions.expireWait(found.state, runs.now)
    const run = expired === undefined ? found : runs.apply(found, expired)
    const { latestEventId, spec, waiting } = run.state
    const name = nameOf(publicRef(request))
    const situation: FollowUpRules.Situation = {
      run: { runId: spec.runId, waiting, latestEventId },
      record: records.get(run.key)!,
      namesRun: runs.find(publicRef(request)) !== undefined,
      named: named.get(name),
      taken: [
        ...(taken[String(run.key)] ?? []).map(({ input }) => input),
        ...added.flatMap(({ input, runPk }) => (runPk === run.key ? [input] : [])),
      ],
    }
    return Either.map(FollowUpRules.decide(situation, followUp, fingerprint, messageId), (decision) => {
      if ("input" in decision && decision.unnamed) {
        named.set(name, decision.input)
        added.push({ projectId: ref.projectId, runPk: run.key, input: decision.input })
      }
      if (decision._tag === "Continue") {
        records.set(run.key, decision.record)
        changed.set(run.key, decision.record)
      }
      const transition = WaitTransitions.followUp(run.state, decision, runs.now)
      const stored = transition === undefined ? run : runs.apply(run, transition)
      return { decision, stored, details }
    })
  }

  const verdicts = requests.map(followUpOne)
  yield* ResumeRows.write(store, changed)
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
    answer: ({ decision, details, stored }) =>
      FollowUpRules.resultOf(decision, toRun(stored, details.get(stored.key)!)),
  })

  return Effect.fnUntraced(function* (ref: RunRef, followUp: FollowUp.FollowUp) {
    const messageId = yield* Ids.uuidV7
    const fingerprint = yield* FollowUpRules.fingerprintOf(followUp)
    return yield* send({ ref, followUp, fingerprint, messageId })
  })
}
