/** What a worker says of itself, and whether it still says something. */
import type * as Json from "@runlease/http/Json"

const secondsOf = (instant: string | null): number | null => (instant === null ? null : Date.parse(instant))

/** The name of a worker: the one it was given, or its key. */
export const nameOf = ({ worker }: Json.WorkerSummary): string => worker.display_name ?? worker.worker_key

/** What a worker tells in `metadata.runlease`; empty from one that tells nothing. */
export interface Told {
  readonly version?: string
  /** Null: any agent. */
  readonly agents?: ReadonlyArray<string> | null
  readonly slots?: number
  readonly in_use?: number
}

export const toldBy = ({ worker }: Json.WorkerSummary): Told => {
  const metadata = worker.metadata as { readonly runlease?: Told } | null
  return metadata?.runlease ?? {}
}

/** When a worker was last heard from: its latest heartbeat or renewal, or its registration. */
export const heardFrom = ({ renewed_at, worker }: Json.WorkerSummary): number =>
  Math.max(
    secondsOf(renewed_at) ?? 0,
    secondsOf(worker.last_heartbeat_at) ?? 0,
    Date.parse(worker.created_at),
  )

/** A worker renews each third of a lease of 60 s, and sends a heartbeat each 30 s. */
const silentWhenHolding = 40_000
const silentWhenIdle = 60_000

/** Whether a worker that has not ended has missed two renewals, or two heartbeats where it holds nothing. */
export const isSilent = (summary: Json.WorkerSummary, now: number): boolean =>
  summary.worker.status !== "ended" &&
  now - heardFrom(summary) > ((summary.worker.in_flight ?? 0) > 0 ? silentWhenHolding : silentWhenIdle)
