/**
 * Whether a pooler between keeps the sessions of connections.
 */
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import type { ConnectionOptions } from "../postgres/ConnectionOptions.js"
import * as PoolerProbe from "../postgres/PoolerProbe.js"

const findingOf = (keeps: PoolerProbe.Keeps | undefined): HealthCheck.Finding => {
  if (keeps === undefined) {
    return HealthCheck.warn(
      "Two more connections got no answer in time.",
      "Raise the connections that a pooler between has for this database (PgBouncer: default_pool_size); a server takes up to one more than RUNLEASE_POSTGRES_MAX_CONNECTIONS.",
    )
  }
  return keeps === "session"
    ? HealthCheck.ok("Each connection keeps its session.")
    : HealthCheck.fail(`${PoolerProbe.losses[keeps]}.`, PoolerProbe.advice)
}

export const check = (options: ConnectionOptions): HealthCheck.HealthCheck => ({
  name: "pooler",
  examine: Effect.map(PoolerProbe.find(options), findingOf),
})
