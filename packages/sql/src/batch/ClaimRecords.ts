/** Queries for the claims of runs, for the leases that workers have, and for those that have lapsed. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids } from "@runlease/core"
import type { SummaryRows } from "@runlease/core/store"
import { Effect, Struct } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { select } from "../dialect/ExecuteStatement.js"
import type { ToRow } from "../rows/Columns.js"
import { reader } from "../rows/Fields.js"
import { claimFields, claimHolderFields } from "../rows/RunFields.js"
import { claimColumns } from "../rows/RunRow.js"

const names = ["run_pk", ...Struct.keys(claimColumns)]
const columns = names.map((name) => `c.${name}`).join(", ")
const readClaim = reader(claimFields, names)
const readHolder = reader(claimHolderFields, names)

const toClaim: ToRow<SummaryRows.ClaimRow> = (values) => {
  const { leaseEpoch, ...claim } = readClaim(values)
  return { key: values[0] as number, epoch: leaseEpoch, ...claim, ...readHolder(values) }
}

type Reads = Pick<
  SummaryRows.SummaryRows<SqlError>,
  "claims" | "workerNames" | "heldBy" | "leases" | "lost" | "lostBy"
>

/** @category constructors */
export const make = ({ dialect, sql }: Database): Reads => {
  /** The condition on a lease that has not lapsed. */
  const currentLease = Effect.map(
    dialect.instant,
    (now) => sql`lease_owner IS NOT NULL AND lease_expires_at > ${now}`,
  )

  const isLost = (projectId: Ids.ProjectId, since: number) =>
    sql`c.project_id = ${projectId} AND c.ended = 'lease_expired' AND c.ended_at >= ${since}`

  return {
    claims: (ranges) =>
      select(
        toClaim,
        sql`SELECT ${sql.literal(columns)} FROM ${dialect.rows(
          { run_pk: "integer", first_epoch: "integer", last_epoch: "integer" },
          ranges.map(({ first, key, last }) => ({ run_pk: key, first_epoch: first, last_epoch: last })),
        )} v JOIN claims c
          ON c.run_pk = v.run_pk AND c.lease_epoch >= v.first_epoch AND c.lease_epoch <= v.last_epoch`,
      ),

    workerNames: (workerIds) =>
      Effect.map(
        sql<{
          readonly id: Ids.WorkerId
          readonly name: string
        }>`SELECT w.id, COALESCE(w.display_name, w.worker_key) AS name FROM ${dialect.rows(
          { id: "text" },
          workerIds.map((id) => ({ id })),
        )} v JOIN workers w ON w.id = v.id`,
        (rows) => new Map(rows.map(({ id, name }) => [id, name])),
      ),

    heldBy: (projectId, workerId, limit) =>
      Effect.map(
        Effect.flatMap(
          currentLease,
          (isCurrent) => sql<{ readonly run_pk: number }>`SELECT run_pk FROM leases
            WHERE ${isCurrent} AND lease_owner = ${workerId} AND project_id = ${projectId}
            ORDER BY lease_expires_at, run_pk LIMIT ${limit}`,
        ),
        (rows) => rows.map(({ run_pk }) => run_pk),
      ),

    leases: (projectId) =>
      Effect.map(
        Effect.flatMap(
          currentLease,
          (isCurrent) => sql<{
            readonly worker_id: Ids.WorkerId
            readonly next_expiry: number
            readonly renewed_at: number
          }>`SELECT lease_owner AS worker_id, MIN(lease_expires_at) AS next_expiry, MAX(renewed_at) AS renewed_at
            FROM leases WHERE ${isCurrent} AND project_id = ${projectId} GROUP BY lease_owner`,
        ),
        (rows) =>
          rows.map((row) => ({
            workerId: row.worker_id,
            nextExpiry: row.next_expiry,
            renewedAt: row.renewed_at,
          })),
      ),

    lost: (projectId, since, limit) =>
      select(
        toClaim,
        sql`SELECT ${sql.literal(columns)} FROM claims c WHERE ${isLost(projectId, since)}
          ORDER BY c.ended_at DESC, c.run_pk DESC LIMIT ${limit}`,
      ),

    lostBy: (projectId, since, limit) =>
      Effect.map(
        sql<{ readonly worker_id: Ids.WorkerId; readonly lost: number }>`
          SELECT worker_id, CAST(COUNT(*) AS INTEGER) AS lost FROM (
            SELECT c.worker_id FROM claims c WHERE ${isLost(projectId, since)}
            ORDER BY c.ended_at DESC, c.run_pk DESC LIMIT ${limit}
          ) latest GROUP BY worker_id`,
        (rows) => new Map(rows.map((row) => [row.worker_id, row.lost])),
      ),
  }
}
