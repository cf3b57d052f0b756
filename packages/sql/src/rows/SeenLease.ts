/**
 * The lease of a run as a commit has seen it. A statement that writes the run finds it only if nothing has written it since.
 *
 * Source: docs/decisions/0056-remembered-leases.md
 *
 * @since 0.1.0
 */
import { SqlError } from "@effect/sql/SqlError"
import type { RunState } from "@runlease/core/store"
import { Data, Struct } from "effect"
import type { Columns } from "./Columns.js"
import { toJson } from "./Fields.js"

/**
 * Columns of rows `v`: what changes with each write of a lease. A budget may change by itself, since another run of its tree spends, and so may the limits, since
 * an agent gets one.
 */
export const columns = {
  seen_lease_epoch: "integer",
  seen_latest_event_id: "integer",
  seen_lease_expires_at: "integer",
  seen_renewals: "integer",
  seen_budget: "text",
  seen_limits: "text",
} as const satisfies Columns

/** The values of `columns`, in their order. */
export const valuesOf = ({ budget, holder, latestEventId, leaseEpoch, limits }: RunState.RunState) =>
  [
    leaseEpoch,
    latestEventId,
    holder?.expiresAt ?? null,
    holder?.renewals ?? null,
    toJson(budget),
    toJson(limits),
  ] as const

/** The same as a row. */
export const rowOf = (state: RunState.RunState) => {
  const values = valuesOf(state)
  return {
    seen_lease_epoch: values[0],
    seen_latest_event_id: values[1],
    seen_lease_expires_at: values[2],
    seen_renewals: values[3],
    seen_budget: values[4],
    seen_limits: values[5],
  }
}

/** The condition that a row of `leases` is as seen; `value` is what stands for the value of a column. */
export const condition = (value: (column: keyof typeof columns) => string): string =>
  Struct.keys(columns)
    .map((column) => `leases.${column.slice("seen_".length)} IS NOT DISTINCT FROM ${value(column)}`)
    .join(" AND ")

/** Another process has written a lease since it was seen. */
class Changed extends Data.TaggedError("LeaseChanged") {}

/** The failure of a transaction that has seen a lease which has changed. It runs again. */
export const changed = (): SqlError => new SqlError({ cause: new Changed(), message: "A lease has changed" })

export const isChanged = (error: unknown): boolean =>
  error instanceof SqlError && error.cause instanceof Changed
