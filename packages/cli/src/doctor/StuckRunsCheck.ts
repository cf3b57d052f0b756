/**
 * Whether the run that has been pending longest is claimed although workers are free.
 */
import { HealthCheck, WorkerMetadata, WorkerState } from "@runlease/core"
import { PendingObstacle } from "@runlease/core/internal"
import { Effect, Option } from "effect"
import * as Phrases from "../output/Phrases.js"
import { type Deployment, nameOf } from "./Deployment.js"

/** How long a run may be pending before it is looked at, in milliseconds. */
const patience = 60_000

const hasFree = ({ worker }: { readonly worker: Parameters<typeof WorkerState.canClaim>[0] }): boolean =>
  Option.exists(
    WorkerMetadata.of(worker.metadata),
    ({ in_use, slots }) => slots > Math.max(in_use, worker.inFlight ?? 0),
  )

export const check = ({ client, now, project, run, workers }: Deployment): HealthCheck.HealthCheck => ({
  name: "pending",
  examine: Effect.gen(function* () {
    const at = yield* now
    const { oldestPending } = yield* client.observe.attention({ path: { project_reference: project } })
    const age = oldestPending === null ? 0 : at.epochMillis - oldestPending.updatedAt.epochMillis
    if (oldestPending === null || age < patience) {
      return HealthCheck.ok("No run that may be claimed has been pending for a minute.")
    }
    const pending = yield* run(oldestPending.runId)
    const taking = (yield* workers).filter(
      ({ worker }) =>
        ["working", "idle"].includes(WorkerState.of(worker, at)) && WorkerState.canClaim(worker, pending),
    )
    const free = taking.filter(hasFree)
    const text = `Run ${pending.runId} of agent ${pending.agentId} has been pending for ${Phrases.span(age)}`
    if (taking.length === 0) {
      return HealthCheck.fail(
        `${text}, and no worker in contact claims such runs.`,
        `Start one: ${PendingObstacle.startCommand(pending)}`,
      )
    }
    return free.length === 0
      ? HealthCheck.warn(
          `${text}: all slots of its ${Phrases.count(taking.length, "worker")} are in use.`,
          "Start workers, or raise --concurrency.",
        )
      : HealthCheck.fail(
          `${text}, although ${Phrases.some(free.map(nameOf))} ${free.length === 1 ? "has" : "have"} free slots.`,
          `Look at the log of that worker, and restart it. See: runlease runs explain ${pending.runId}`,
        )
  }),
})
