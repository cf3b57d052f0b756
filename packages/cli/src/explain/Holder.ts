/**
 * What the store has of a worker that ran a run: its own account of a lost lease, and its last sign of life.
 */
import { type Summaries, WorkerMetadata, WorkerState } from "@runlease/core"
import { DateTime, Duration, Option } from "effect"
import * as Phrases from "../output/Phrases.js"
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
export const whyLapsed = (facts: Facts, claim: Claim, seenAt: DateTime.Utc): string =>
  account(facts, claim) ?? contact(facts, claim, seenAt)
