/**
 * The search for the runs that the claims of a commit may take: one search for all of them.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { RunRows } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { toStored } from "../rows/RunCodec.js"
import * as DueQueries from "./DueQueries.js"

/** The probe of the first named claim; those of the others go down from there. */
const firstClaim = -2

/** Selects what `others` selects, and the runs that name one of the claims: one more index probe for each. */
const select = ({ sql }: Database, claims: ReadonlyArray<RunRows.NamedClaim>, others: Fragment): Fragment => {
  const named = claims.map(
    ({ claimId, workerId }, index) =>
      sql`SELECT ${sql.literal(String(firstClaim - index))} AS probe, run_pk FROM runs
        WHERE status = 'running' AND claim_id = ${claimId} AND lease_owner = ${workerId}`,
  )
  return named.length === 0 ? others : sql`${sql.join(" UNION ALL ", false)([others, ...named])}`
}

/**
 * @since 0.1.0
 * @category searching
 */
export const search = (
  database: Database,
  { claims, probes }: RunRows.Search,
): Effect.Effect<RunRows.Found, SqlError> =>
  Effect.gen(function* () {
    const { dialect } = database
    const due: Array<number> = []
    const given = claims.map((): Array<RunRows.RunRef> => [])
    const runnable = probes.map((): Array<RunRows.StoredRun> => [])
    const candidates = yield* dialect.runnable(
      probes,
      select(database, claims, DueQueries.selectDue(database, yield* dialect.instant)),
    )
    for (const candidate of candidates) {
      const { probe, project_id, run_id, run_pk } = candidate
      if (probe === DueQueries.dueProbe) due.push(run_pk)
      else if (probe <= firstClaim) given[firstClaim - probe]!.push({ projectId: project_id, runId: run_id })
      else runnable[probe]!.push(toStored(candidate))
    }
    for (const runs of runnable) runs.sort(RunRows.byPreference)
    return { runnable, given, due }
  })
