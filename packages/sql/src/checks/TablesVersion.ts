/**
 * Whether the tables are those that this program makes.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as Migrations from "../Migrations.js"
import * as AppliedMigrations from "./AppliedMigrations.js"

const findingOf = (applied: number): HealthCheck.Finding => {
  const { latest } = Migrations
  if (applied === latest)
    return HealthCheck.ok(`The tables are of version ${applied}, as this program makes them.`)
  if (applied === 0) {
    return HealthCheck.fail(
      "This database has no tables of Runlease.",
      "Check that --database names the right one; runlease serve makes the tables when it starts.",
    )
  }
  return applied < latest
    ? HealthCheck.fail(
        `The tables are of version ${applied}, and this program needs version ${latest}.`,
        "Start runlease serve of this version: it brings them up to date, and the servers of the version before go on.",
      )
    : HealthCheck.warn(
        `The tables are of version ${applied}, and this program only knows those up to ${latest}.`,
        "Use the runlease of the version that made them; until then an older one continues with what it knows.",
      )
}

export const check: HealthCheck.HealthCheck<SqlClient> = {
  name: "tables",
  examine: Effect.map(AppliedMigrations.last, findingOf),
}
