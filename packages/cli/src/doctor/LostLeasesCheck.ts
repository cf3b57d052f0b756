/**
 * Which workers have lost leases in the last hour.
 */
import { HealthCheck } from "@runlease/core"
import { Array, DateTime, Effect } from "effect"
import * as Phrases from "../output/Phrases.js"
import type { Deployment } from "./Deployment.js"

/** The most that the server lists. */
const most = 100

export const check = ({ client, now, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "lost leases",
  examine: Effect.gen(function* () {
    const { data } = yield* client.observe.lostLeases({ path: { project_reference: project } })
    const since = DateTime.subtract(yield* now, { hours: 1 })
    const lost = data.filter(
      ({ claim: { endedAt } }) => endedAt !== null && DateTime.greaterThan(endedAt, since),
    )
    const [latest] = lost
    if (latest === undefined) return HealthCheck.ok("No lease has lapsed in the last hour.")
    const byWorker = Object.entries(Array.groupBy(lost, ({ claim }) => claim.workerName))
      .map(([name, leases]) => ({ name, count: leases.length }))
      .toSorted((a, b) => b.count - a.count)
    return HealthCheck.warn(
      `${Phrases.count(lost.length, "lease has", "leases have")}${lost.length >= most ? " or more have" : ""} lapsed in the last hour: ${Phrases.some(byWorker.map(({ count, name }) => `${name} (${count})`))}.`,
      `Look at that worker: killed for its memory, a blocked event loop, no way to the server. See: runlease runs explain ${latest.runId}`,
    )
  }),
})
