/** The runs that schedules begin: their submissions, in the commit that advances the schedule. */
import { bytesOf } from "@runlease/core/AppendRules"
import { ConversationNotFound } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { canonicalJson } from "@runlease/core/Json"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { check, InvalidSubmission, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Either } from "effect"
import * as ScheduleChecks from "../rules/ScheduleChecks.js"
import * as ScheduleRules from "../rules/ScheduleRules.js"
import type { ScheduleRecord } from "../rules/ScheduleRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import * as Submit from "./Submit.js"
import * as SubmitRequest from "./SubmitRequest.js"

/** A run to begin. `nominal`: the tick. `at`: when the run was to begin. `lastAt`: when the run before it was. */
export interface ScheduledRun {
  readonly publicId: string
  readonly nominal: number
  readonly at: number
  readonly lastAt: number | null
  readonly backfilled: boolean
}

const iso = (instant: number): string => new Date(instant).toISOString()

/** The public id of the run of a tick: two servers, or a backfill, cannot begin it twice. */
const idOfTick = ({ id }: ScheduleRecord, nominal: number): string => `schedule:${id}:${iso(nominal)}`

/** The runs of ticks, in the order of their times. `lastAt`: when the run before the first of them was to begin. */
export const ofTicks = (
  record: ScheduleRecord,
  ticks: ReadonlyArray<number>,
  { backfilled, lastAt }: Pick<ScheduledRun, "backfilled" | "lastAt">,
): ReadonlyArray<ScheduledRun> => {
  const share = ScheduleRules.shareOf(record)
  return ticks.map((nominal, index) => ({
    publicId: idOfTick(record, nominal),
    nominal,
    at: nominal + share,
    lastAt: index === 0 ? lastAt : ticks[index - 1]! + share,
    backfilled,
  }))
}

/** The lane or the limit of the runs: that of the config, else a lane of the schedule where they do not overlap and share no conversation. */
const concurrencyOf = ({
  concurrencyPolicy,
  config: { concurrencyKey, concurrencyLimit },
  id,
  target,
}: ScheduleRecord): Pick<SubmissionInput, "concurrencyKey" | "concurrencyLimit"> => {
  if (concurrencyKey !== undefined) return { concurrencyKey, concurrencyLimit }
  if (target.conversationId !== undefined) return {}
  return { concurrencyKey: concurrencyPolicy === "Allow" ? null : `schedule:${id}` }
}

/** What the agent gets of the tick. */
const timesOf = ({ at, backfilled, lastAt, nominal }: ScheduledRun) => ({
  scheduled_at: iso(at),
  nominal_at: iso(nominal),
  last_at: lastAt === null ? null : iso(lastAt),
  backfilled,
})

/** The times are the payload of a schedule that declares none; else they are in the context. */
const snapshotOf = (
  { config: { input, prompt } }: ScheduleRecord,
  run: ScheduledRun,
  history: RequestSnapshot.RequestSnapshot["messages"],
): RequestSnapshot.RequestSnapshot => {
  const times = timesOf(run)
  const messages = prompt === undefined ? [] : RequestSnapshot.fromText(prompt, run.publicId).messages
  return {
    ...RequestSnapshot.empty,
    messages: [...history, ...messages],
    input: input === undefined ? times : input,
    context: input === undefined ? [] : [{ description: "schedule", value: JSON.stringify(times) }],
  }
}

const submissionOf = (
  record: ScheduleRecord,
  run: ScheduledRun,
  history: RequestSnapshot.RequestSnapshot["messages"],
): SubmissionInput => {
  const { backoffLimit, runtimeTarget, target, timeoutSeconds } = record
  return {
    publicId: run.publicId,
    derived: true,
    agentId: target.id,
    ...(target.conversationId === undefined ? {} : { conversationId: target.conversationId }),
    runtimeTarget,
    maxAttempts: backoffLimit + 1,
    timeoutSeconds,
    snapshot: snapshotOf(record, run, history),
    labels: record.config.labels,
    ...concurrencyOf(record),
  }
}

type History = Either.Either<
  RequestSnapshot.RequestSnapshot["messages"],
  ConversationNotFound | InvalidSubmission
>

/** The messages of the conversation of a schedule, which each of its runs begins with. */
const readHistory = <X>(
  { rows }: RunBatch<X>,
  { projectId, target }: ScheduleRecord,
): Effect.Effect<History, X> => {
  if (target.conversationId === undefined) return Effect.succeed(Either.right([]))
  const conversationId = Ids.ConversationId.make(target.conversationId)
  return Effect.map(
    rows.conversations([{ projectId: Ids.ProjectId.make(projectId), conversationId, messages: true }]),
    ([found]) => {
      if (found === undefined) return Either.left(new ConversationNotFound({ conversationId }))
      return found.messages === "too_large"
        ? Either.left(
            new InvalidSubmission({
              field: "target.conversationId",
              message: `conversation ${conversationId} is too large for a run`,
            }),
          )
        : Either.right(found.messages)
    },
  )
}

/** A schedule with what each of its runs gets, and how many bytes of JSON that is. */
export interface Source {
  readonly record: ScheduleRecord
  readonly history: History
  readonly bytes: number
}

/** Reads what the runs of a schedule get. */
export const source = <X>(batch: RunBatch<X>, record: ScheduleRecord): Effect.Effect<Source, X> =>
  Effect.map(readHistory(batch, record), (history) => {
    const messages = Either.getOrElse(history, () => [])
    return {
      record,
      history,
      bytes:
        ScheduleChecks.bytesOfRun(record) + (messages.length === 0 ? 0 : bytesOf(JSON.stringify(messages))),
    }
  })

/** The room of a commit for runs, and for the bytes of their payloads. */
export interface Room {
  readonly runs: number
  readonly bytes: number
}

/** The room of one commit: requests of others go between the commits. A single run is begun whatever it has. */
export const part: Room = { runs: 25, bytes: 256 * 1024 }

/** How many runs of a schedule have room. */
export const roomIn = ({ bytes, runs }: Room, { bytes: each }: Source): number =>
  Math.min(runs, Math.floor(bytes / each))

export type Refusal = Submit.Refusal

/** One run of a schedule that is to begin. */
export interface Wanted {
  readonly source: Source
  readonly run: ScheduledRun
}

const requestOf = ({
  run,
  source: { history, record },
}: Wanted): Effect.Effect<Either.Either<SubmitRequest.Request, Refusal>> => {
  const checked = Either.flatMap(history, (messages) => check(submissionOf(record, run, messages)))
  if (Either.isLeft(checked)) return Effect.succeed(Either.left(checked.left))
  // A tick and its backfill are the same run, though they differ in what the run gets.
  const sent = canonicalJson({ schedule: record.id })
  const projectId = Ids.ProjectId.make(record.projectId)
  return Effect.map(SubmitRequest.request(projectId, checked.right, sent), Either.right)
}

/** Submits all of these runs that nothing refuses, and answers in their order. */
export const submit = <X>(
  batch: RunBatch<X>,
  wanted: ReadonlyArray<Wanted>,
): Effect.Effect<ReadonlyArray<Either.Either<Submit.Decision, Refusal>>, X> =>
  Effect.gen(function* () {
    const requests: Array<Either.Either<SubmitRequest.Request, Refusal>> = []
    for (const one of wanted) requests.push(yield* requestOf(one))
    const checked = requests.flatMap((request) => (Either.isRight(request) ? [request.right] : []))
    // A tick that is refused would be lost.
    const unrefusable = { ...Submit.roots, refusable: false }
    const decisions = [...(yield* Submit.submitAll(checked, batch, unrefusable))]
    return requests.map((request): Either.Either<Submit.Decision, Refusal> =>
      Either.isLeft(request) ? Either.left(request.left) : decisions.shift()!,
    )
  })
