/** What workers measure. docs/telemetry.md lists it for readers. */
import * as Meter from "../model/Meter.js"

export const claims = Meter.counter({
  name: "runlease_worker_claims_total",
  unit: "{claim}",
  description: "Claims that the control plane answered, with runs or with none",
})

export const claimedRuns = Meter.counter({
  name: "runlease_worker_claimed_runs_total",
  unit: "{run}",
  description: "Runs that the worker claimed",
})

export const pickUp = Meter.histogram(
  {
    name: "runlease_worker_pickup_seconds",
    unit: "s",
    description: "From when a run was runnable to its claim, by the clock of the store",
  },
  Meter.longSeconds,
)

export const renewals = Meter.counter({
  name: "runlease_worker_renewals_total",
  unit: "{lease}",
  description: "Leases that were renewed",
})

export const renewalFailures = Meter.counter({
  name: "runlease_worker_renewal_failures_total",
  unit: "{request}",
  description: "Requests to renew leases that failed or got no answer in time",
})

export const leasesLost = Meter.counter({
  name: "runlease_worker_leases_lost_total",
  unit: "{lease}",
  description: "Leases that ended before their runs did",
  labels: ["reason"],
  values: ["lost", "expired", "cancelled", "drained"],
})

export const stalls = Meter.histogram(
  {
    name: "runlease_worker_stall_seconds",
    unit: "s",
    description: "How long the event loop stood still, of the times that it did for more than a second",
  },
  Meter.longSeconds,
)

export const runs = Meter.counter({
  name: "runlease_worker_runs_total",
  unit: "{run}",
  description: "Runs that left the worker, by what became of them",
  labels: ["outcome"],
  values: ["completed", "failed", "cancelled", "retrying", "suspended", "paused", "released", "lease_ended"],
})

export const executor = Meter.histogram(
  {
    name: "runlease_worker_executor_seconds",
    unit: "s",
    description: "How long the executor of a run has occupied its slot",
  },
  Meter.longSeconds,
)

export const events = Meter.counter({
  name: "runlease_worker_events_total",
  unit: "{event}",
  description: "Events that executors gave for the logs of their runs",
})

export const runsInFlight = Meter.gauge({
  name: "runlease_worker_runs_in_flight",
  unit: "{run}",
  description: "Runs that the worker holds",
})

export const tokens = Meter.counter({
  name: "runlease_worker_tokens_total",
  unit: "{token}",
  description: "Tokens that executors reported, by their type and the model",
  labels: ["type", "model"],
})

export const all: ReadonlyArray<Meter.Meter> = [
  claims,
  claimedRuns,
  pickUp,
  renewals,
  renewalFailures,
  leasesLost,
  stalls,
  runs,
  executor,
  events,
  runsInFlight,
  tokens,
]
