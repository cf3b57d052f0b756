/** What a worker says of itself, and whether it still says something. */
import type * as Json from "@runlease/http/Json"
import { duration } from "../format/times"

const instantOf = (instant: string | null): number => (instant === null ? 0 : Date.parse(instant))

/** The name of a worker: the one it was given, or its key. */
export const nameOf = ({ worker }: Json.WorkerSummary): string => worker.display_name ?? worker.worker_key

/** What a worker tells in `metadata.runlease`; empty from one that tells nothing. */
export interface Told {
  readonly version?: string | null
  /** Null: any agent. */
  readonly agents?: ReadonlyArray<string> | null
  readonly slots?: number
  readonly in_use?: number
}

export const toldBy = ({ worker }: Json.WorkerSummary): Told => {
  const metadata = worker.metadata as { readonly runlease?: Told } | null
  return metadata?.runlease ?? {}
}

/** Whether a worker claims runs of an agent. One that does not tell its agents may claim any. */
export const takes = (summary: Json.WorkerSummary, agent: string): boolean =>
  toldBy(summary).agents?.includes(agent) ?? true

/** The runs that a worker holds, as the server counts them. */
export const heldBy = ({ worker }: Json.WorkerSummary): number => worker.in_flight ?? 0

/** When a worker was last heard from: its latest heartbeat or renewal, or its registration. */
export const heardFrom = ({ renewed_at, worker }: Json.WorkerSummary): number =>
  Math.max(
    instantOf(renewed_at),
    instantOf(worker.last_heartbeat_at),
    instantOf(worker.updated_at),
    instantOf(worker.created_at),
  )

/** A worker renews each third of a lease of 60 s, and sends a heartbeat each 30 s. */
const silentWhenHolding = 40_000
const silentWhenIdle = 60_000
/** The longest lease: after so long without a word a worker has none left. */
const goneAfter = 300_000

/** Whether somebody asks the worker to claim no more runs. */
export const isAskedToDrain = ({ worker }: Json.WorkerSummary): boolean =>
  (worker as { readonly drain?: boolean }).drain === true

/**
 * `silent`: it has missed two renewals, or two heartbeats where it holds nothing. `gone`: it has ended, or is silent for so long that no
 * lease of it is left. `draining`: it claims no more runs.
 */
export type WorkerState = "working" | "idle" | "draining" | "silent" | "gone"

export const stateOf = (summary: Json.WorkerSummary, now: number): WorkerState => {
  const silence = now - heardFrom(summary)
  const isHolding = heldBy(summary) > 0
  if (summary.worker.status === "ended" || silence > goneAfter) return "gone"
  if (silence > (isHolding ? silentWhenHolding : silentWhenIdle)) return "silent"
  if (summary.worker.status === "draining" || isAskedToDrain(summary)) return "draining"
  return isHolding ? "working" : "idle"
}

export const isSilent = (summary: Json.WorkerSummary, now: number): boolean =>
  stateOf(summary, now) === "silent"

/** Whether a worker may still do something: it has not ended, and has a lease or is in contact. */
export const isHere = (summary: Json.WorkerSummary, now: number): boolean => stateOf(summary, now) !== "gone"

/** Whether a worker is in contact and claims runs of an agent. */
export const isTaking = (summary: Json.WorkerSummary, agent: string, now: number): boolean => {
  const state = stateOf(summary, now)
  return (state === "working" || state === "idle") && takes(summary, agent)
}

/** Slots of workers, and how many of them are in use. Only workers that tell their slots count. */
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
