/**
 * Whether workers are in contact, and which of them claim no more.
 */
import { HealthCheck, WorkerState } from "@runlease/core"
import { Effect } from "effect"
import * as Phrases from "../output/Phrases.js"
import { type Deployment, nameOf } from "./Deployment.js"

export const check = ({ now, workers }: Deployment): HealthCheck.HealthCheck => ({
  name: "workers",
  examine: Effect.gen(function* () {
    const at = yield* now
    const all = yield* workers
    const inState = (...states: ReadonlyArray<WorkerState.WorkerState>) =>
      all.filter(({ worker }) => states.includes(WorkerState.of(worker, at)))
    const silent = inState("silent")
    const draining = inState("working", "idle", "draining").filter(({ worker }) => worker.drain)
    const contact = inState("working", "idle", "draining")
    if (silent.length > 0) {
      const since = silent.map(
        (each) =>
          `${nameOf(each)} (for ${Phrases.between(WorkerState.lastContact(each.worker), at)}, ${Phrases.count(each.worker.inFlight ?? 0, "run")})`,
      )
      return HealthCheck.warn(
        `${Phrases.count(silent.length, "worker is", "workers are")} silent: ${Phrases.some(since)}.`,
        "Look at its process and its log, and restart it. Its runs go to other workers when their leases lapse.",
      )
    }
    if (contact.length === 0) {
      return HealthCheck.warn("No worker is in contact.", "Start one: runlease worker --module ./worker.ts")
    }
    return draining.length === 0
      ? HealthCheck.ok(`${Phrases.count(contact.length, "worker is", "workers are")} in contact.`)
      : HealthCheck.warn(
          `${Phrases.some(draining.map(nameOf))} ${draining.length === 1 ? "has" : "have"} a request to claim no more runs.`,
          `Let it claim again: runlease workers drain ${draining[0]!.worker.id} --stop`,
        )
  }),
})
