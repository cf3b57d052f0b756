/** The search for the runs that the claims of a commit may take: one search for all of them. */
import type { SqlError } from "@effect/sql/SqlError"
import { LimitRules, RunRows } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import type { NameRow } from "../rows/RunRow.js"
import * as DueQueries from "./DueQueries.js"

interface ClaimedRow extends NameRow {
  readonly claim: number
}

/** The runs that name each of these claims: one index probe for each. */
const readClaimedBefore = (
  { sql }: Database,
  claims: ReadonlyArray<RunRows.NamedClaim>,
): Effect.Effect<RunRows.Found["claimedBefore"], SqlError> => {
  const claimedBefore = claims.map((): Array<RunRows.RunRef> => [])
  if (claims.length === 0) return Effect.succeed(claimedBefore)
  const named = claims.map(
    ({ claimId, workerId }, index) => sql`SELECT ${sql.literal(String(index))} AS claim, run_pk FROM leases
      WHERE claim_id = ${claimId} AND lease_owner = ${workerId}`,
  )
  return Effect.map(
    execute(sql<ClaimedRow>`SELECT n.claim, r.project_id, r.run_id
      FROM (${sql.join(" UNION ALL ", false)(named)}) n JOIN runs r ON r.run_pk = n.run_pk`),
    (rows) => {
      for (const { claim, project_id, run_id } of rows) {
        claimedBefore[claim]!.push({ projectId: project_id, runId: run_id })
      }
      return claimedBefore
    },
  )
}

const readRunnable = (
  { dialect }: Database,
  probes: ReadonlyArray<RunRows.Probe>,
): Effect.Effect<RunRows.Found["runnable"], SqlError> =>
  Effect.map(dialect.runnable(probes), (candidates) => {
    const runnable = probes.map((): Array<RunRows.StoredRun> => [])
    for (const { probe, run } of candidates) runnable[probe]!.push(run)
    for (const runs of runnable) runs.sort(RunRows.byPreference)
    return runnable
  })

export const search = (
  database: Database,
  { claims, probes }: RunRows.Search,
): Effect.Effect<RunRows.Found, SqlError> =>
  Effect.suspend(() => {
    const found: { -readonly [K in keyof RunRows.Found]: RunRows.Found[K] } = {
      due: [],
      scopedLimits: LimitRules.noScopedLimits,
      claimedBefore: [],
      runnable: [],
    }
    const reads = [
      Effect.map(DueQueries.readDue(database), (due) => void Object.assign(found, due)),
      Effect.map(
        readClaimedBefore(database, claims),
        (claimedBefore) => void (found.claimedBefore = claimedBefore),
      ),
      Effect.map(readRunnable(database, probes), (runnable) => void (found.runnable = runnable)),
    ]
    return Effect.as(database.dialect.together(reads), found)
  })
