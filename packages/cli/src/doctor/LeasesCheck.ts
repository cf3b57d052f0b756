/**
 * Whether the leases in use are long enough for how fast the server answers and how evenly workers renew.
 */
import { HealthCheck, type Summaries } from "@runlease/core"
import { Duration, Effect } from "effect"
import * as Phrases from "../output/Phrases.js"
import type { Deployment } from "./Deployment.js"

/** How many requests are measured. */
const requests = 5

/** The shortest lease that there may be, in milliseconds. */
const shortestLease = 5000

/** All in milliseconds. */
export interface LeaseSample {
  readonly lease: number
  readonly gap: number
  readonly worker: string
}

const sampleOf = ({ claims }: Summaries.RunSummary): ReadonlyArray<LeaseSample> => {
  const claim = claims.at(-1)
  if (claim === undefined || claim.expiresAt === null || claim.ended !== null) return []
  const { expiresAt, longestGap, renewedAt, workerName } = claim
  return [{ lease: expiresAt.epochMillis - renewedAt.epochMillis, gap: longestGap, worker: workerName }]
}

/** `slowest`: the longest that a request took. A worker renews at a third of a lease, and waits as long for the answer. */
export const findingOf = (slowest: number, leases: ReadonlyArray<LeaseSample>): HealthCheck.Finding => {
  const took = `A request that reaches the store takes up to ${slowest} ms`
  const shortest = Math.min(...leases.map(({ lease }) => lease))
  if (leases.length === 0) {
    return slowest < shortestLease / 3
      ? HealthCheck.ok(`${took}. No run is at work, so how long leases are is unknown.`)
      : HealthCheck.warn(
          `${took}, too long for a lease of 5 s.`,
          "Find out what is slow: the network, the server, its database.",
        )
  }
  if (slowest >= shortest / 3) {
    return HealthCheck.fail(
      `${took}, and a lease lasts ${Phrases.span(shortest)}: it is renewed each third of that, and may be lost.`,
      `Start workers with a longer --lease, of ${Math.min(300, Math.ceil((slowest * 6) / 1000))} s at least, or find out what is slow.`,
    )
  }
  const late = leases.filter(({ gap, lease }) => gap > lease * 0.6)
  const worst = late.toSorted((a, b) => b.gap / b.lease - a.gap / a.lease)[0]
  return worst === undefined
    ? HealthCheck.ok(`${took}; the shortest lease in use lasts ${Phrases.span(shortest)}.`)
    : HealthCheck.warn(
        `${late.length} of ${Phrases.count(leases.length, "lease")} were nearly lost: ${worst.worker} left ${Phrases.span(worst.gap)} between two renewals of a lease of ${Phrases.span(worst.lease)}.`,
        "Look for a blocked event loop or a slow network at that worker, or start it with a longer --lease.",
      )
}

export const check = ({ client, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "leases",
  examine: Effect.gen(function* () {
    const timed = Effect.map(Effect.timed(client.health.readyz()), ([took]) => Duration.toMillis(took))
    const slowest = Math.round(Math.max(...(yield* Effect.replicateEffect(timed, requests))))
    const { data } = yield* client.observe.runSummaries({
      path: { project_reference: project },
      urlParams: { status: ["running"], limit: 100 },
    })
    return findingOf(slowest, data.flatMap(sampleOf))
  }),
})
