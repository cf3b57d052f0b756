/**
 * What a worker is doing, from what its control plane knows of it.
 *
 * @since 0.1.0
 */
import { DateTime, Duration, Predicate } from "effect"
import type { Run } from "../model/Run.js"
import type { RegisteredWorker } from "./WorkerRegistry.js"

/**
 * - `working`: it is in contact and holds runs.
 * - `idle`: it is in contact and holds none.
 * - `draining`: it is in contact and claims no more: it shuts down, or its operator asks for it.
 * - `silent`: its last contact is older than `silentAfter`. It is cut off, stopped, or dead.
 * - `gone`: it has ended, or its last contact is older than `goneAfter`, so that no lease of it is left.
 *
 * @since 0.1.0
 * @category models
 */
export type WorkerState = "working" | "idle" | "draining" | "silent" | "gone"

/**
 * Two heartbeats of a worker with the default interval of 30 seconds, and a quarter of a minute for what delays them.
 *
 * @since 0.1.0
 * @category constants
 */
export const silentAfter = Duration.seconds(75)

/**
 * The longest lease.
 *
 * @since 0.1.0
 * @category constants
 */
export const goneAfter = Duration.minutes(5)

/**
 * When the worker last registered or sent a heartbeat, by the store's clock.
 *
 * @since 0.1.0
 * @category state
 */
export const lastContact = ({ lastHeartbeatAt, updatedAt }: RegisteredWorker): DateTime.Utc =>
  lastHeartbeatAt === null ? updatedAt : DateTime.max(lastHeartbeatAt, updatedAt)

/**
 * The state of the worker at `now`. Where the control plane does not count the runs of workers, one that works is `idle`.
 *
 * @since 0.1.0
 * @category state
 */
export const of = (worker: RegisteredWorker, now: DateTime.Utc): WorkerState => {
  const silence = DateTime.distanceDuration(lastContact(worker), DateTime.max(now, lastContact(worker)))
  if (worker.status === "ended" || Duration.greaterThan(silence, goneAfter)) return "gone"
  if (Duration.greaterThan(silence, silentAfter)) return "silent"
  if (worker.status === "draining") return "draining"
  return worker.inFlight !== null && worker.inFlight > 0 ? "working" : "idle"
}

/**
 * Whether the worker claims runs of that kind, key and agent, as long as it claims. One that claims only some agents says so in
 * `metadata.agent_ids`.
 *
 * @since 0.1.0
 * @category state
 */
export const takes = (
  { implementationKind, metadata, workerKey }: RegisteredWorker,
  run: Pick<Run, "agentId" | "implementationKind" | "workerKey">,
): boolean => {
  const agents = Predicate.hasProperty(metadata, "agent_ids") ? metadata.agent_ids : undefined
  return (
    (run.implementationKind === null || run.implementationKind === implementationKind) &&
    (run.workerKey === null || run.workerKey === workerKey) &&
    (!Array.isArray(agents) || agents.includes(run.agentId))
  )
}
