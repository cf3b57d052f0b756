/**
 * A run that has ended, submitted once more: with what it had recorded, or from the start.
 *
 * Source: docs/decisions/0122-retry-keeps-records.md
 */
import { Answerer } from "@runlease/core/AnswerEvent"
import { childIdOf, type ChildStep } from "@runlease/core/ChildEvent"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import { canonicalJson } from "@runlease/core/Json"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import { EventId, isTerminal, type Run, RunNotFound } from "@runlease/core/Run"
import { maxReadBytes } from "@runlease/core/RunLog"
import {
  again,
  InvalidSubmission,
  requestText,
  RetryRefused,
  type Runs,
  RunUnfinished,
  type Submission,
} from "@runlease/core/Runs"
import { Effect, Option } from "effect"
import * as RetryEvent from "../rules/RetryEvent.js"
import { firstSnapshot, type Reading, type StoreReads } from "../rows/StoreReads.js"
import * as CopiedRecords from "./CopiedRecords.js"
import * as RecordReads from "./RecordReads.js"
import { type Request, type Seed, unseeded } from "./SubmitRequest.js"

/** What a retry begins with, and the characters of the JSON of its log. */
export interface Beginning {
  readonly seed: Seed
  readonly length: number
}

const nothing: Beginning = { seed: unseeded, length: 0 }

/** A log with at most this number of events was opened and closed: it has no record, no message and no answer. */
export const bareLog = 2

/** The submission of a retry as text: a public id names a retry from the start, or one that is not. */
export const textOf = (submission: Submission, fromStart: boolean): string =>
  fromStart ? canonicalJson(["from the start", requestText(submission)]) : requestText(submission)

/** The beginning of a retry from the start. */
export const anew = (runId: Ids.RunId, by?: string): Seed => ({
  events: [RetryEvent.toEvent({ runId, records: 0, answers: 0, fromStart: true, by })],
})

/** The same beginning with the author of the retry, where it has one. */
const authored = (runId: Ids.RunId, seed: Seed, by: string | undefined): Seed => {
  if (by === undefined) return seed
  const [first, ...rest] = seed.events
  const mark = first === undefined ? Option.none() : RetryEvent.fromEvent(first)
  const event = Option.match(mark, {
    onNone: () => RetryEvent.toEvent({ runId, records: 0, answers: 0, fromStart: false, by }),
    onSome: (of) => RetryEvent.toEvent({ ...of, by }),
  })
  return { ...seed, events: [event, ...(Option.isNone(mark) ? seed.events : rest)] }
}

/** Where steps began in a log. */
const startsIn = (log: RecordReads.Log) =>
  Effect.suspend(() => {
    const started: Array<number> = []
    return Effect.as(
      log.read(undefined, (entries) =>
        Effect.sync(() => {
          for (const { event, eventId } of entries) if (event.type === "STEP_STARTED") started.push(eventId)
        }),
      ),
      started,
    )
  })

/**
 * What a retry of a run that has ended begins with. None of it ever changes, so it is read before the commit. It is
 * empty for a run that no worker has begun.
 *
 * Fails: `RetryRefused` where that is more than one commit copies.
 */
export const beginningOf = Effect.fnUntraced(function* <X>(
  reads: Reading<X>,
  operation: string,
  run: Pick<Run, "finishedAt" | "latestEventId" | "projectId" | "runId" | "session" | "updatedAt">,
): Effect.fn.Return<Beginning, RetryRefused | RunNotFound | ControlPlaneUnavailable> {
  const { finishedAt, latestEventId, projectId, runId, session, updatedAt } = run
  if (latestEventId <= bareLog) return nothing
  const ref = { projectId, runId }
  const refused = new RetryRefused({ runId, reason: "too_large" })
  const log = RecordReads.make(reads, operation, ref, latestEventId)
  const entries = yield* log.records(refused)
  const started = CopiedRecords.someFailed(entries) ? yield* startsIn(log) : []
  const copied = CopiedRecords.ofRetry(entries, finishedAt ?? updatedAt, started)
  const { events, length, records } = yield* log.copy(entries, copied, refused)
  const snapshot = yield* reads.named(operation, ref, (all, found) => all.snapshot(found))
  const first = yield* reads.named(operation, ref, firstSnapshot)
  // What a request brought itself is no answer that the run has received.
  const newAnswers = (snapshot.resume ?? []).slice((first.resume ?? []).length)
  const isAnswered = canonicalJson(snapshot) !== canonicalJson(first)
  if (events.length === 0 && !isAnswered) return nothing
  const mark = RetryEvent.toEvent({ runId, records, answers: newAnswers.length, fromStart: false })
  return {
    seed: {
      events: [mark, ...events],
      ...(isAnswered ? { resume: { snapshot: { ...snapshot, resume: newAnswers }, answers: {} } } : {}),
      ...(session === null ? {} : { session: { ...session, id: Ids.SessionId.make(yield* Ids.uuidV7) } }),
    },
    length,
  }
})

const requestOf = ({ traceContext: _trace, ...snapshot }: RequestSnapshot): string => canonicalJson(snapshot)

interface Spawning extends Pick<Request, "projectId" | "submission"> {
  readonly step: ChildStep
}

/** The child that the same step of a run has spawned, or of the run that this one repeats, where it has spawned none. */
const childBefore = <X>(
  reads: Reading<X>,
  runId: string,
  spawning: Spawning,
): Effect.Effect<Run | undefined, ControlPlaneUnavailable> => {
  const { projectId, step } = spawning
  const refOf = (id: string) => ({ projectId, runId: Ids.RunId.make(id) })
  const bounds = { entries: bareLog, bytes: maxReadBytes }
  const repeated = reads.named("Leases.spawn", refOf(runId), ({ log }, found) =>
    log(found, EventId.make(0), bounds),
  )
  return reads
    .named("Leases.spawn", refOf(childIdOf(runId, step.stepId)), ({ run }, found) => run(found))
    .pipe(
      Effect.catchTag("RunNotFound", () =>
        Effect.flatMap(repeated, ({ entries }) => {
          const events = entries.flatMap(({ event }) => (RetryEvent.isRetry(event) ? [event] : []))
          const before = RetryEvent.repeatedBy(events)
          return before === undefined ? Effect.succeed(undefined) : childBefore(reads, before, spawning)
        }),
      ),
      Effect.catchTag("RunNotFound", () => Effect.succeed(undefined)),
    )
}

/**
 * What a child has of the child that the same step of the repeated run `repeats` had spawned, where that one has ended without a value and
 * has the same agent and request: it is a retry of it.
 *
 * Fails: `InvalidSubmission` where that is more than one commit copies.
 */
export const childOf = <X>(
  reads: Reading<X>,
  repeats: string,
  spawning: Spawning,
): Effect.Effect<Seed, InvalidSubmission | ControlPlaneUnavailable> =>
  Effect.gen(function* () {
    const { agentId, snapshot } = spawning.submission
    const run = yield* childBefore(reads, repeats, spawning)
    if (run === undefined || !isTerminal(run.status) || run.status === "completed") return unseeded
    const first = yield* reads.named("Leases.spawn", run, firstSnapshot)
    const isSame =
      run.agentId === agentId && snapshot !== undefined && requestOf(first) === requestOf(snapshot)
    return isSame ? (yield* beginningOf(reads, "Leases.spawn", run)).seed : unseeded
  }).pipe(
    Effect.catchTags({
      RunNotFound: () => Effect.succeed(unseeded),
      RetryRefused: ({ message }) => new InvalidSubmission({ field: "publicId", message }),
    }),
  )

export const make = <X>(
  reads: StoreReads<X>,
  projectId: Ids.ProjectId,
  submitWith: (seed: Seed, fromStart: boolean) => Runs["Type"]["submit"],
): Runs["Type"]["retry"] =>
  Effect.fnUntraced(function* (name, { derived, fromStart = false, publicId } = {}) {
    const operation = "Runs.retry"
    const run = yield* reads.named(operation, { projectId, runId: name }, ({ run }, ref) => run(ref))
    const { runId, status } = run
    if (!isTerminal(status)) return yield* new RunUnfinished({ runId, status })
    const by = yield* Answerer
    const seed = fromStart
      ? anew(runId, by)
      : authored(runId, (yield* beginningOf(reads, operation, run)).seed, by)
    const snapshot = yield* reads.named(operation, { projectId, runId }, firstSnapshot)
    return yield* Effect.catchTags(
      submitWith(seed, fromStart)({ ...again(run, snapshot, publicId), derived }),
      {
        // Its conversation was deleted with it.
        ConversationNotFound: () => new RunNotFound({ runId }),
        // It waits for the other runs of its lane.
        ConversationBusy: Effect.die,
        MessageRefused: Effect.die,
      },
    )
  })
