/**
 * Whether the store takes lapsed leases back on time, and ends waits whose time has come.
 */
import { HealthCheck, type Run, type Summaries } from "@runlease/core"
import { Effect } from "effect"
import * as Phrases from "../output/Phrases.js"
import type { Deployment } from "./Deployment.js"

/** How late the store may be, in milliseconds. */
const patience = 15_000

/** When time should have changed the run; undefined for never. */
const dueAt = ({ claims, status, waiting }: Summaries.RunSummary): number | undefined => {
  if (status === "running") return claims.at(-1)?.expiresAt?.epochMillis
  const instants = [waiting?.expiresAt?.epochMillis, waiting?.wakesAt?.epochMillis].filter(
    (each) => each !== undefined,
  )
  return status === "waiting" && instants.length > 0 ? Math.min(...instants) : undefined
}

export const check = ({ client, now, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "overdue",
  examine: Effect.gen(function* () {
    const path = { project_reference: project }
    const newest = (status: Run.RunStatus) =>
      Effect.map(
        client.observe.runSummaries({ path, urlParams: { status: [status], limit: 100 } }),
        ({ data }) => data,
      )
    const { waits } = yield* client.observe.attention({ path })
    const runs = [...waits, ...(yield* newest("running")), ...(yield* newest("waiting"))]
    const at = (yield* now).epochMillis
    const late = runs.flatMap((run) => {
      const due = dueAt(run)
      return due !== undefined && due + patience < at ? [{ ...run, late: at - due }] : []
    })
    const worst = late.toSorted((a, b) => b.late - a.late)[0]
    return worst === undefined
      ? HealthCheck.ok("No lease and no wait is past its end.")
      : HealthCheck.fail(
          `${Phrases.count(new Set(late.map(({ runId }) => runId)).size, "run is", "runs are")} past the end of a lease or a wait, such as ${worst.runId} (${worst.status}) by ${Phrases.span(worst.late)}.`,
          "A server does this once a second: look at the log of the servers for failures of the database, and restart them.",
        )
  }),
})
