/** What a worker is doing, from what its control plane knows of it. */
import { DateTime, Duration } from "effect"
import type { Run } from "../model/Run.js"
import * as WorkerContact from "./WorkerContact.js"
import type { RegisteredWorker } from "./WorkerRegistry.js"

/** See `WorkerContact.WorkerState`. */
export type WorkerState = WorkerContact.WorkerState

/** `WorkerContact.silentAfter` of a worker as a Duration. */
export const silentAfter = ({ metadata }: RegisteredWorker): Duration.Duration =>
  Duration.millis(WorkerContact.silentAfter(metadata))

/** When the worker last registered or sent a heartbeat, by the store's clock. */
export const lastContact = ({ lastHeartbeatAt, updatedAt }: RegisteredWorker): DateTime.Utc =>
  lastHeartbeatAt === null ? updatedAt : DateTime.max(lastHeartbeatAt, updatedAt)

/** The name of the worker for people, in logs and in lists: its display name, else its key. */
export const nameOf = ({ displayName, workerKey }: RegisteredWorker): string => displayName ?? workerKey

/** The state of the worker at `now`. Where the control plane does not count the runs of workers, one that works is `idle`. */
export const of = (worker: RegisteredWorker, now: DateTime.Utc): WorkerState =>
  WorkerContact.stateOf({ ...worker, lastContact: lastContact(worker).epochMillis }, now.epochMillis)

/**
 * Whether the worker claims runs of that kind, key, version and agent, as long as it claims. One that claims only some agents says so in
 * `metadata.agent_ids`.
 */
export const canClaim = (
  worker: RegisteredWorker,
  run: Pick<Run, "agentId" | "implementationKind" | "version" | "workerKey">,
): boolean => WorkerContact.canClaim(worker, run)
