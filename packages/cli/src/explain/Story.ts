/**
 * The life of a run so far, as sentences in the order of time.
 *
 * Everything in it comes from the store. A fact that the store does not have is called unknown.
 */
import { type Run, type RunLog, type Summaries, WorkerMetadata, WorkerState } from "@runlease/core"
import { DateTime, Duration, Option, Predicate, String as Text } from "effect"
import * as AboutLines from "../output/AboutLines.js"
import * as Phrases from "../output/Phrases.js"
import * as RecordLines from "../output/RecordLines.js"
import * as RunLines from "../output/RunLines.js"
import type { Facts } from "./Facts.js"

type Claim = Summaries.ClaimRecord

const find = ({ workers }: Facts, { workerId }: Claim) =>
  workers.find(({ worker }) => worker.id === workerId)?.worker

/** The worker's report of the lost lease; undefined without one. */
const account = (facts: Facts, claim: Claim): string | undefined => {
  const worker = find(facts, claim)
  const losses = Option.match(WorkerMetadata.of(worker?.metadata), {
    onNone: () => [],
    onSome: ({ losses: all = [] }) => all,
  })
  const loss = losses.find(
    ({ lease_epoch, run_id }) => run_id === facts.run.runId && lease_epoch === claim.epoch,
  )
  if (loss === undefined) return undefined
  const at = Phrases.near(DateTime.unsafeMake(loss.at), claim.claimedAt)
  const says = `Worker ${claim.workerName} says that ${loss.reason === "expired" ? "it stopped by itself" : "the store refused its lease"} at ${at} by its own clock`
  if (loss.failed_renewals > 0) {
    return `${says}: ${Phrases.count(loss.failed_renewals, "renewal")} had failed, the last one with: ${loss.failure}`
  }
  // A renewal that has no answer fails within a third of the lease.
  return loss.reason === "expired"
    ? `${says}, and no renewal had failed: its process stood still, by a blocked event loop or a machine that slept`
    : `${says}, and no renewal had failed`
}

/** The latest stored sign of life of the worker: a heartbeat, a claim or a renewal. */
const lastSign = (facts: Facts, { workerId }: Claim, found: Facts["workers"][number]): DateTime.Utc => {
  const claims = facts.summary.claims.filter((each) => each.workerId === workerId)
  return [found.renewedAt, ...claims.map(({ renewedAt }) => renewedAt)].reduce<DateTime.Utc>(
    (last, at) => (at === null ? last : DateTime.max(last, at)),
    WorkerState.lastContact(found.worker),
  )
}

/** What came from the worker after its last renewal, as far as that explains a lapse that the store saw at `seenAt`. */
const contact = (facts: Facts, claim: Claim, seenAt: DateTime.Utc): string => {
  const { renewedAt, workerName } = claim
  const found = facts.workers.find(({ worker }) => worker.id === claim.workerId)
  if (found === undefined)
    return `What became of worker ${workerName} is unknown: it is not among the workers`
  const last = lastSign(facts, claim, found)
  const lastAt = Phrases.near(last, claim.claimedAt)
  if (DateTime.greaterThan(last, seenAt)) {
    return `Worker ${workerName} made contact again at ${lastAt}. Why it did not renew in time is unknown; its log may say`
  }
  const silence = DateTime.distanceDuration(last, facts.standing.now)
  const patience = WorkerState.silentAfter(found.worker)
  const end = Duration.greaterThan(silence, patience)
    ? ": it was killed, stopped or cut off"
    : `. A worker that lives is silent for no longer than ${Duration.format(patience)}`
  return DateTime.greaterThan(last, renewedAt)
    ? `The last heartbeat of ${workerName} came at ${lastAt}, and nothing since${end}`
    : `Nothing has come from ${workerName} since${end}`
}

/** Why a lease may have lapsed, in one sentence or two. */
const whyLapsed = (facts: Facts, claim: Claim, seenAt: DateTime.Utc): string =>
  account(facts, claim) ?? contact(facts, claim, seenAt)

/** Something that happened. `claim`: the one that it belongs to. */
export interface Moment {
  readonly at: DateTime.Utc
  readonly event: "submitted" | "claimed" | "step_failed" | "answered" | Summaries.ClaimEnd
  readonly claim: Claim | null
  readonly text: string
}

/** How far the times of what one commit writes may be apart, in milliseconds. */
const oneCommit = 500

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

const valueOf = (entry: RunLog.LogEntry | undefined): Readonly<Record<string, unknown>> =>
  Predicate.isRecord(entry?.event["value"]) ? entry.event["value"] : {}

/** The mark of the end of a claim in the log: the store writes it with the next claim, or with the end of the run. */
const markOf = ({ marks }: Facts, { attempt, endedAt, workerId }: Claim) =>
  marks
    .map((mark) => ({ mark, previous: valueOf(mark)["previous"] }))
    .find(
      ({ mark, previous }) =>
        endedAt !== null &&
        mark.createdAt.epochMillis >= endedAt.epochMillis - oneCommit &&
        Predicate.isRecord(previous) &&
        previous["worker_id"] === workerId &&
        previous["attempt"] === attempt,
    )

/** Why the holder gave the run back, in its own words. */
const reasonOf = (facts: Facts, claim: Claim): string => {
  const previous = markOf(facts, claim)?.previous
  const reason = Predicate.isRecord(previous)
    ? textOf(previous["reason"])
    : claim === facts.summary.claims.at(-1)
      ? textOf(facts.standing.reason)
      : undefined
  return reason === undefined ? "It gave no reason." : `Its reason: ${reason}`
}

/** The entry that was written when a claim ended. */
const entryAt = (entries: ReadonlyArray<RunLog.LogEntry>, { endedAt }: Claim) => {
  const distance = ({ createdAt }: RunLog.LogEntry) =>
    endedAt === null ? Infinity : Math.abs(createdAt.epochMillis - endedAt.epochMillis)
  const [nearest] = entries.toSorted((a, b) => distance(a) - distance(b))
  return nearest !== undefined && distance(nearest) <= oneCommit ? nearest : undefined
}

const pauseOf = (facts: Facts, claim: Claim): string => {
  const value = valueOf(entryAt(facts.pauses, claim))
  const until = textOf(value["until"])
  const names: Readonly<Record<string, string>> = {
    sleep: until === undefined ? "for a time" : `until ${Phrases.date(DateTime.unsafeMake(until))}`,
    children: "for its children",
    message: "for a message",
    budget: "for a higher budget",
  }
  const reasons = Array.isArray(value["reasons"]) ? value["reasons"] : []
  const wanted = reasons.flatMap((reason) => names[String(reason)] ?? [])
  return wanted.length === 0 ? "(for what, is unknown)" : wanted.join(" or ")
}

const questionOf = (facts: Facts, claim: Claim): string => {
  const outcome = entryAt(facts.questions, claim)?.event["outcome"]
  const interrupts = Predicate.isRecord(outcome) ? outcome["interrupts"] : undefined
  const texts = Array.isArray(interrupts)
    ? interrupts.flatMap((each) =>
        Predicate.isRecord(each)
          ? JSON.stringify(textOf(each["message"]) ?? textOf(each["id"]) ?? "") +
            RunLines.argumentsOf(each["toolArguments"]) +
            AboutLines.onOneLine(each["metadata"])
          : [],
      )
    : []
  return texts.length === 0 ? "an answer" : texts.join(", ")
}

const renewalsOf = ({ claimedAt, renewals, renewedAt }: Claim): string =>
  renewals === 0
    ? `it was never renewed since the claim at ${Phrases.clock(claimedAt)}`
    : `${renewals === 1 ? "its only renewal" : `the last of ${renewals} renewals`} was at ${Phrases.near(renewedAt, claimedAt)}`

const lapsed = (facts: Facts, claim: Claim, endedAt: DateTime.Utc): Moment => {
  const { expiresAt, workerName } = claim
  const why = whyLapsed(facts, claim, endedAt)
  const base = { event: "lease_expired", claim } as const
  if (expiresAt === null) {
    return {
      ...base,
      at: endedAt,
      text: `The store found the lease of worker ${workerName} lapsed; since when, is unknown: ${renewalsOf(claim)}. ${why}.`,
    }
  }
  const late = endedAt.epochMillis - expiresAt.epochMillis
  const delay = late < 1000 ? "" : ` The store noticed it ${Phrases.span(late)} later.`
  return {
    ...base,
    at: expiresAt,
    text: `The lease of worker ${workerName} lapsed: ${renewalsOf(claim)}. ${why}.${delay}`,
  }
}

/** How a claim ended; nothing while it holds the run. */
const endOf = (facts: Facts, claim: Claim): ReadonlyArray<Moment> => {
  const { attempt, claimedAt, ended, endedAt, workerName } = claim
  if (ended === null || endedAt === null) return []
  const after = `after ${Phrases.between(claimedAt, endedAt)}`
  const moment = (text: string): ReadonlyArray<Moment> => [{ at: endedAt, event: ended, claim, text }]
  switch (ended) {
    case "lease_expired":
      return [lapsed(facts, claim, endedAt)]
    case "released":
      return moment(
        `Worker ${workerName} handed it back ${after}; the attempt does not count. ${reasonOf(facts, claim)}`,
      )
    case "retry":
      return moment(
        `Attempt ${attempt} failed at worker ${workerName} ${after}, and it may be tried again. ${reasonOf(facts, claim)}`,
      )
    case "suspended":
      return moment(
        `It asked for ${questionOf(facts, claim)} and let worker ${workerName} go, which had run it for ${Phrases.between(claimedAt, endedAt)}.`,
      )
    case "waiting":
      return moment(
        `It began to wait ${pauseOf(facts, claim)} and let worker ${workerName} go, which had run it for ${Phrases.between(claimedAt, endedAt)}.`,
      )
    case "completed":
    case "failed":
    case "cancelled":
      return []
  }
}

const counted = ({ run }: Facts, { attempt }: Claim): string => `attempt ${attempt} of ${run.maxAttempts}`

/** A claim, by what went before it. */
const claimed = (facts: Facts, claim: Claim, before: Claim | undefined): Moment => {
  const { claimedAt, workerId, workerName } = claim
  const of = (text: string): Moment => ({ at: claimedAt, event: "claimed", claim, text })
  const attempt = counted(facts, claim)
  if (before === undefined) {
    return of(
      claim.epoch === 1
        ? `Worker ${workerName} claimed it (${attempt}), ${Phrases.between(facts.run.createdAt, claimedAt)} after it was submitted.`
        : `Worker ${workerName} claimed it (${attempt}).`,
    )
  }
  const since = (from: DateTime.Utc | null) =>
    from === null ? "later" : `${Phrases.between(from, claimedAt)}`
  const again = workerId === before.workerId
  switch (before.ended) {
    case "lease_expired":
      return of(
        `${again ? `The same worker, ${workerName}, claimed it again` : `Worker ${workerName} took over`} (${attempt}), ${since(before.expiresAt ?? before.endedAt)} after the lease had lapsed.`,
      )
    case "suspended":
    case "waiting":
      return of(
        `Worker ${workerName} went on with it (${attempt}; a wait begins the count of attempts anew), ${since(before.endedAt)} after it had begun to wait. When the wait ended is unknown.`,
      )
    default:
      return of(
        `Worker ${workerName} claimed it${again ? " again" : ""} (${attempt}), ${since(before.endedAt)} after that.`,
      )
  }
}

/** Those of these entries that were written from a claim on until the next one, as sentences. */
const within = (
  entries: ReadonlyArray<RunLog.LogEntry>,
  event: Moment["event"],
  textIn: (event: RunLog.LogEntry["event"]) => Option.Option<string>,
  [claim, next]: readonly [Claim, Claim | undefined],
): ReadonlyArray<Moment> =>
  entries.flatMap((entry) => {
    const { createdAt: at } = entry
    const isIn =
      at.epochMillis >= claim.claimedAt.epochMillis &&
      (next === undefined || at.epochMillis < next.claimedAt.epochMillis)
    const text = isIn ? Option.getOrUndefined(textIn(entry.event)) : undefined
    return text === undefined ? [] : [{ at, event, claim, text: `${Text.capitalize(text)}.` }]
  })

const sentenceOf = (error: Run.RunError | null): string =>
  error === null ? "" : `: ${error.message}${error.code === null ? "" : ` (${error.code})`}`

/** Who cancelled the run, where the end of its log says it. */
const cancelledBy = (lastEntry: Facts["lastEntry"]): string | undefined => {
  const by = lastEntry?.event["by"]
  return typeof by === "string" ? by : undefined
}

/** How the run ended; nothing while it has not. */
const finished = ({ lastEntry, run, summary }: Facts): ReadonlyArray<Moment> => {
  const { createdAt, error, finishedAt, status } = run
  if (finishedAt === null || status === "pending" || status === "running" || status === "waiting") return []
  const claim = summary.claims.at(-1)
  const holds = claim !== undefined && claim.ended === status
  const where = holds
    ? ` at worker ${claim.workerName}, ${Phrases.between(claim.claimedAt, finishedAt)} after its claim`
    : " while no worker ran it"
  const author = cancelledBy(lastEntry)
  const total = `${Phrases.between(createdAt, finishedAt)} after it was submitted`
  const text =
    status === "completed"
      ? `It completed${holds ? where : ""}, ${total}.`
      : status === "failed"
        ? `It failed${where}, ${total}${sentenceOf(error)}`
        : `It was cancelled${author === undefined ? "" : ` by ${author}`}${where}, ${total}${error === null ? (author === undefined ? ". By whom is unknown." : ".") : sentenceOf(error)}`
  return [{ at: finishedAt, event: status, claim: holds ? claim : null, text }]
}

const submitted = ({ run }: Facts): Moment => ({
  at: run.createdAt,
  event: "submitted",
  claim: null,
  text:
    run.parentRunId === null ? "It was submitted." : `It was submitted; run ${run.parentRunId} is above it.`,
})

/** What happened to the run, the oldest first. */
export const of = (facts: Facts): ReadonlyArray<Moment> => {
  const { claims } = facts.summary
  return [
    submitted(facts),
    ...claims.flatMap((claim, index) => {
      const until = [claim, claims[index + 1]] as const
      return [
        claimed(facts, claim, claims[index - 1]),
        ...within(facts.failedSteps, "step_failed", RecordLines.ofFailedStep, until),
        ...endOf(facts, claim),
        ...within(facts.answers, "answered", RecordLines.ofAnswered, until),
      ]
    }),
    ...finished(facts),
  ]
}

/** How many claims are older than those of the story. */
export const earlierClaims = ({ summary: { claims } }: Facts): number =>
  Math.max(0, (claims[0]?.epoch ?? 1) - 1)
