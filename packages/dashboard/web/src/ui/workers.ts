/** What a worker says of itself, and whether it still says something. */
import * as WorkerContact from "@runlease/core/WorkerContact"
import type * as Json from "@runlease/http/Json"
import { duration } from "../format/times"

const instantOf = (instant: string | null): number => (instant === null ? 0 : Date.parse(instant))

export const nameOf = ({ worker }: Json.WorkerSummary): string => worker.display_name ?? worker.worker_key

/** The report of a worker in `metadata.runlease`; empty from one without a report. */
export interface WorkerDetails {
  readonly version?: string | null
  /** Null: any agent. */
  readonly agents?: ReadonlyArray<string> | null
  readonly slots?: number
  readonly in_use?: number
}

export const toldBy = ({ worker }: Json.WorkerSummary): WorkerDetails => {
  const metadata = worker.metadata as { readonly runlease?: WorkerDetails } | null
  return metadata?.runlease ?? {}
}

/** Whether a worker claims runs of an agent that name no kind and no key. */
export const canClaim = (summary: Json.WorkerSummary, agent: string): boolean =>
  claims(summary, { agentId: agent, implementationKind: null, workerKey: null })

/** Whether a worker claims such runs. */
export const claims = ({ worker }: Json.WorkerSummary, route: WorkerContact.Route): boolean =>
  WorkerContact.canClaim(
    {
      implementationKind: worker.implementation_kind,
      workerKey: worker.worker_key,
      version: worker.version,
      metadata: worker.metadata,
    },
    route,
  )

/** The runs that a worker holds, as the server counts them. */
export const heldBy = ({ worker }: Json.WorkerSummary): number => worker.in_flight ?? 0

/** When a worker was last heard from: its latest heartbeat, or its registration. */
export const heardFrom = ({ worker }: Json.WorkerSummary): number =>
  Math.max(instantOf(worker.last_heartbeat_at), instantOf(worker.updated_at), instantOf(worker.created_at))

/** Whether an operator requests that the worker claims no more runs. */
export const isDrainRequested = ({ worker }: Json.WorkerSummary): boolean =>
  (worker as { readonly drain?: boolean }).drain === true

export type WorkerState = WorkerContact.WorkerState

export const stateOf = (summary: Json.WorkerSummary, now: number): WorkerState =>
  WorkerContact.stateOf(
    {
      status: summary.worker.status,
      drain: isDrainRequested(summary),
      inFlight: heldBy(summary),
      lastContact: heardFrom(summary),
      metadata: summary.worker.metadata,
    },
    now,
  )

export const isSilent = (summary: Json.WorkerSummary, now: number): boolean =>
  stateOf(summary, now) === "silent"

/** Whether a worker may still do something: it has not ended, and has a lease or is in contact. */
export const isHere = (summary: Json.WorkerSummary, now: number): boolean => stateOf(summary, now) !== "gone"

/** Whether a worker is in contact and claims runs of an agent. */
export const isTaking = (summary: Json.WorkerSummary, agent: string, now: number): boolean => {
  const state = stateOf(summary, now)
  return (state === "working" || state === "idle") && canClaim(summary, agent)
}

/** Slots of workers, and how many of them are in use. Only workers that report their slots count. */
export const slotsOf = (workers: ReadonlyArray<Json.WorkerSummary>): { slots: number; used: number } =>
  workers.reduce(
    ({ slots, used }, worker) => {
      const own = toldBy(worker).slots
      return own === undefined ? { slots, used } : { slots: slots + own, used: used + heldBy(worker) }
    },
    { slots: 0, used: 0 },
  )

/** How long ago a worker was heard from: whole seconds. */
export const silenceOf = (summary: Json.WorkerSummary, now: number): string => {
  const seconds = Math.max(0, Math.round((now - heardFrom(summary)) / 1000))
  return seconds === 0 ? "0 s" : duration(seconds * 1000)
}
