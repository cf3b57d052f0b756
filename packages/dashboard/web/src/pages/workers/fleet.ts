/** The workers of a project in the order of their list, and what they add up to. */
import type * as Json from "@runlease/http/Json"
import { heldBy, nameOf, stateOf, toldBy } from "../../ui/workers"

const byName = new Intl.Collator("en", { numeric: true })

/** The silent ones first, those with the most runs before the others; then by name; those that left last. */
export const inOrder = (
  workers: ReadonlyArray<Json.WorkerSummary>,
  now: number,
): ReadonlyArray<Json.WorkerSummary> => {
  const rank = (worker: Json.WorkerSummary): number => {
    const state = stateOf(worker, now)
    return state === "silent" ? 0 : state === "gone" ? 2 : 1
  }
  return workers.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      (rank(a) === 0 ? heldBy(b) - heldBy(a) : 0) ||
      byName.compare(nameOf(a), nameOf(b)),
  )
}

/** Whether a version is lower than another; never for one that is not three numbers. */
export const isOlder = (version: string, other: string): boolean => {
  const [a, b] = [version, other].map((one) => /^v?(\d+)\.(\d+)\.(\d+)$/.exec(one)?.slice(1).map(Number))
  if (a === undefined || b === undefined) return false
  const place = a.findIndex((part, index) => part !== b[index])
  return place >= 0 && a[place]! < b[place]!
}

/** The newest version that a worker reports. */
export const newestVersion = (workers: ReadonlyArray<Json.WorkerSummary>): string | undefined =>
  workers.reduce<string | undefined>((newest, worker) => {
    const { version } = toldBy(worker)
    if (version == null) return newest
    return newest === undefined || isOlder(newest, version) ? version : newest
  }, undefined)

export const median = (values: ReadonlyArray<number>): number | undefined => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}

/** When a lease was lost. */
export const lostAt = ({ claim }: Json.LostLease): number =>
  Date.parse(claim.expires_at ?? claim.ended_at ?? claim.renewed_at)

/** How long a run that lost its lease was without a worker; undefined while none has claimed it. */
export const takenOverAfter = (lost: Json.LostLease): number | undefined =>
  lost.next === null ? undefined : Math.max(0, Date.parse(lost.next.claimed_at) - lostAt(lost))

/** How many leases were lost in a day, and the worker that lost most of them. */
export const lossesOf = (
  workers: ReadonlyArray<Json.WorkerSummary>,
): { readonly total: number; readonly most: Json.WorkerSummary | undefined } => {
  const total = workers.reduce((sum, { lost_24h }) => sum + lost_24h, 0)
  return { total, most: workers.find(({ lost_24h }) => lost_24h * 2 > total) }
}
