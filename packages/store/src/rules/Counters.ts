/**
 * What is counted of the runs of a project: how many are in each status, and what happened to them.
 *
 * Counters are sums, so what a commit adds to them can be added up in any order. The names:
 *
 * - `status.pending` and its like: the runs that are in a status. A run that changes status is one less there and one more here.
 * - `submitted`, `claimed`, `ended.completed` and its like: what happened.
 * - `failure.` with the code of the error; alone for an error without a code.
 * - `tokens` and `cost`: what runs have reported, `cost` in millionths.
 * - `pickUp.` and `runTime.` with a bucket of `Histogram`: from when a run was runnable to its claim, and from its first claim
 *   to its end.
 *
 * Source: docs/decisions/0053-counters-of-runs.md
 */
import * as Count from "@runlease/core/Count"
import { bucketOf } from "@runlease/core/Histogram"
import { reportedOf } from "@runlease/core/LogState"
import { isTerminal, type RunStatus } from "@runlease/core/Run"
import type { RunState } from "./RunState.js"

/** Numbers by name; a name that is absent is zero. */
export type Counters = Readonly<Record<string, number>>

export type Add = (name: string, by: number) => void

/** The name of the counter of the runs in a status. */
export const statusName = (status: RunStatus): string => `status.${status}`

/** Codes come from executors. A longer one is cut, and all beyond the first `maxCodes` in one row are counted as `other`. */
const maxCodeLength = 100
const maxCodes = 50
const failure = "failure."
const otherFailure = `${failure}other`

const failureName = (code: string | null): string => failure + (code ?? "").slice(0, maxCodeLength)

/** When a run that is claimed now became runnable. */
export const runnableSince = (
  { availableAt, gate, holder, status, updatedAt }: RunState,
  now: number,
): number => {
  if (status === "pending")
    return gate === "behind" || gate === "limited" ? now : Math.max(availableAt, updatedAt)
  // A lapsed lease counts as runnable.
  return status === "running" && holder !== null ? holder.expiresAt : now
}

const addClaims = (add: Add, claims: number, since: number, now: number): void => {
  if (claims === 0) return
  add("claimed", claims)
  add(`pickUp.${bucketOf(now - since)}`, 1)
  // Those that were claimed, lost and claimed again in one commit.
  if (claims > 1) add("pickUp.0", claims - 1)
}

const addReported = (add: Add, before: RunState, after: RunState): void => {
  const [was, is] = [reportedOf(before.log), reportedOf(after.log)]
  add("tokens", is.tokens - was.tokens)
  add("cost", is.cost - was.cost)
}

/** Counts a run that a commit adds, in its state. */
export const inserted = (add: Add, { leaseEpoch, status }: RunState, now: number): void => {
  add("submitted", 1)
  add(statusName(status), 1)
  addClaims(add, leaseEpoch, now, now)
}

/** Counts how a commit has changed a run. */
export const changed = (add: Add, before: RunState, after: RunState, now: number): void => {
  const { status } = after
  if (after.log.reported !== before.log.reported) addReported(add, before, after)
  const claims = after.leaseEpoch - before.leaseEpoch
  if (claims === 0 && status === before.status) return
  addClaims(add, claims, runnableSince(before, now), now)
  if (status === before.status) return
  add(statusName(before.status), -1)
  add(statusName(status), 1)
  if (!isTerminal(status)) return
  add(`ended.${status}`, 1)
  if (status === "failed") add(failureName(after.error?.code ?? null), 1)
  if (after.startedAt !== null && after.finishedAt !== null) {
    add(`runTime.${bucketOf(after.finishedAt - after.startedAt)}`, 1)
  }
}

/** What a commit has counted, without what is zero; undefined where nothing is left. */
export const ofCommit = (counters: Counters): Counters | undefined => {
  const left: Record<string, number> = {}
  let names = 0
  for (const name in counters) {
    if (counters[name] === 0) continue
    left[name] = counters[name]!
    names += 1
  }
  if (names === 0) return undefined
  // Only then may there be too many codes.
  return names > maxCodes ? sum([left]) : left
}

/** The sum of counters, without those that are zero. */
export const sum = (all: Iterable<Counters>): Counters => {
  const total = new Map<string, number>()
  let codes = 0
  for (const counters of all) {
    for (const [key, by] of Object.entries(counters)) {
      const isNewCode = key.startsWith(failure) && !total.has(key)
      const name = isNewCode && codes >= maxCodes ? otherFailure : key
      if (isNewCode) codes += 1
      total.set(name, Count.add(total.get(name) ?? 0, by))
    }
  }
  return Object.fromEntries(Array.from(total).filter(([, value]) => value !== 0))
}
