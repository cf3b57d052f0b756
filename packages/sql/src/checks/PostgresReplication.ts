/**
 * Whether commits are confirmed: by the standbys that they wait for, where they do.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { HealthCheck } from "@runlease/core"
import { Effect, Either } from "effect"
import { codeOf, unavailable } from "../dialect/SqlFailure.js"
import { outcomeUnknown } from "../postgres/PostgresText.js"
import * as PostgresTransaction from "../postgres/PostgresTransaction.js"

/** `names`: those of the synchronous standbys. `standbys` are connected, and `synchronous` of them confirm. `waiting`: the commits that wait. */
interface Row {
  readonly names: string
  readonly commit: string
  readonly standbys: number
  readonly synchronous: number
  readonly waiting: number
}

const standbysOf = (count: number): string =>
  count === 0
    ? "no standby is connected"
    : count === 1
      ? "one standby is connected"
      : `${count} standbys are connected`

const failed = (error: SqlError, { names, standbys, synchronous, waiting }: Row): HealthCheck.Finding =>
  codeOf(error) === outcomeUnknown
    ? HealthCheck.fail(
        `No synchronous standby confirms commits: synchronous_standby_names is "${names}", ${standbysOf(standbys)}, ${synchronous} of them synchronous, and ${waiting} commits wait.`,
        "Start the standby again. Where it is gone for good, take it out of synchronous_standby_names and reload; do not cancel the commits that wait.",
      )
    : HealthCheck.fail(
        `A commit fails: ${unavailable("write", error).message}.`,
        "Look at the log of PostgreSQL and at its disk.",
      )

const confirmed = ({ commit, names, standbys }: Row): HealthCheck.Finding => {
  if (names === "") {
    return HealthCheck.ok(
      standbys === 0
        ? "Commits are confirmed; no standby is connected."
        : `Commits are confirmed; ${standbysOf(standbys)}, which may lack the last of them when it is promoted.`,
    )
  }
  return commit === "off" || commit === "local"
    ? HealthCheck.warn(
        `synchronous_commit is ${commit}, so no commit waits for the standbys of synchronous_standby_names.`,
        "Turn it on for the role of Runlease: ALTER ROLE name SET synchronous_commit = on",
      )
    : HealthCheck.ok(`Commits are confirmed by a synchronous standby; ${standbysOf(standbys)}.`)
}

/** It commits an entry of the log of the database, and takes a second connection where that is not confirmed. */
export const check: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "replication",
  examine: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    // The names of standbys and their states are there for some roles alone.
    const read = sql<Row>`SELECT current_setting('synchronous_standby_names') AS names,
      current_setting('synchronous_commit') AS commit,
      count(*)::int AS standbys, count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))::int AS synchronous,
      (SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting
      FROM pg_stat_replication`
    const [row] = yield* read
    return Either.match(yield* Effect.either(PostgresTransaction.probeCommit(sql)), {
      onLeft: (error) => failed(error, row!),
      onRight: () => confirmed(row!),
    })
  }),
}
