/** What becomes of the runs of a silent worker, and of runs that no worker claims. */
import type * as Json from "@runlease/http/Json"
import { plural } from "../format/numbers"
import { secondsLeft } from "../format/leases"
import { heldBy, isSilent, isTaking, canClaim } from "./workers"

/** A run that a silent worker holds: its agent, and when its lease runs out. */
export interface HeldRun {
  readonly agent: string
  readonly expiresAt: number
}

export const heldRuns = (runs: ReadonlyArray<Json.RunSummary>): ReadonlyArray<HeldRun> =>
  runs.flatMap(({ agent_id, claims }) => {
    const expiresAt = claims.at(-1)?.expires_at
    return expiresAt == null ? [] : [{ agent: agent_id, expiresAt: Date.parse(expiresAt) }]
  })

type AgentCounts = Json.ProjectStatistics["counts"][number]

const list = new Intl.ListFormat("en")

/** `12 s`, or `12 to 16 s` */
const between = (first: number, last: number): string => {
  const [from, to] = [secondsLeft(first), secondsLeft(last)]
  if (from === to) return from
  return `${from.includes("m") || to.includes("m") ? from : from.slice(0, -2)} to ${to}`
}

/** When the leases of a silent worker run out. */
const lapse = (count: number, first: number, last: number, now: number): string => {
  const its = count === 1 ? "Its lease" : `Its ${plural(count, "lease")}`
  if (last <= now) return count === 1 ? `${its} has run out.` : `${its} have run out.`
  return `${its} ${count === 1 ? "runs" : "run"} out in ${between(Math.max(0, first - now), last - now)}.`
}

/** The agents of a silent worker's runs, and of pending ones that it would claim, whose runs no other worker claims. */
export const orphaned = (
  silent: Json.WorkerSummary,
  owned: ReadonlyArray<HeldRun>,
  workers: ReadonlyArray<Json.WorkerSummary>,
  counts: ReadonlyArray<AgentCounts>,
  now: number,
): ReadonlyArray<string> => {
  const wanted = new Set([
    ...owned.map(({ agent }) => agent),
    ...counts.flatMap(({ agent_id, runs }) =>
      runs.pending > 0 && canClaim(silent, agent_id) ? [agent_id] : [],
    ),
  ])
  return Array.from(wanted).filter(
    (agent) => !workers.some((other) => other.worker.id !== silent.worker.id && isTaking(other, agent, now)),
  )
}

/** The sentence that no worker claims the runs of some agents, and how many of them wait. */
const unclaimed = (agents: ReadonlyArray<string>, counts: ReadonlyArray<AgentCounts>): string => {
  if (agents.length === 0) return ""
  const pending = counts.reduce(
    (sum, { agent_id, runs }) => (agents.includes(agent_id) ? sum + runs.pending : sum),
    0,
  )
  const their = agents.length === 1 ? "its" : "their"
  const waits = `: ${their} ${plural(pending, "pending run")} ${pending === 1 ? "waits" : "wait"}`
  return ` No other worker takes ${list.format(agents)}${pending === 0 ? "" : waits}.`
}

/** What becomes of the runs of a silent worker. `owned` is undefined until they are read. */
export const silenceOutcome = (
  silent: Json.WorkerSummary,
  owned: ReadonlyArray<HeldRun> | undefined,
  workers: ReadonlyArray<Json.WorkerSummary>,
  counts: ReadonlyArray<AgentCounts>,
  now: number,
): string => {
  const count = owned?.length ?? heldBy(silent)
  const without = owned === undefined ? [] : orphaned(silent, owned, workers, counts, now)
  const left = (owned ?? []).filter(({ agent }) => without.includes(agent)).length
  const expiries = (owned ?? []).map(({ expiresAt }) => expiresAt)
  const first = expiries.length > 0 ? Math.min(...expiries) : Date.parse(silent.next_lease_expires_at ?? "")
  const last = expiries.length > 0 ? Math.max(...expiries) : first
  const holds =
    count === 0
      ? "It holds no runs."
      : Number.isNaN(first)
        ? `It holds ${plural(count, "run")}.`
        : lapse(count, first, last, now)
  const others =
    owned === undefined || left === count
      ? ""
      : ` Other workers ${last <= now ? "" : "then "}take ${left > 0 ? plural(count - left, "run") : count === 1 ? "the run" : "the runs"} over.`
  return `${holds}${others}${unclaimed(without, counts)}`
}

/** Agents with pending runs that no worker in contact takes, those with the most first. */
export const untaken = (
  counts: ReadonlyArray<AgentCounts>,
  workers: ReadonlyArray<Json.WorkerSummary>,
  now: number,
): ReadonlyArray<{ readonly agent: string; readonly pending: number }> =>
  counts
    .flatMap(({ agent_id, runs: { pending } }) => {
      // The notice of a silent worker names the agents that it takes.
      const isTold = workers.some(
        (one) => isTaking(one, agent_id, now) || (isSilent(one, now) && canClaim(one, agent_id)),
      )
      return pending === 0 || isTold ? [] : [{ agent: agent_id, pending }]
    })
    .toSorted((a, b) => b.pending - a.pending)
