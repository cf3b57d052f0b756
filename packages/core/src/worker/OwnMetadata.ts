/** What a worker says of itself in the registry. */
import { Duration } from "effect"
import type { LeaseLoss, WorkerMetadata } from "../ports/WorkerMetadata.js"
import type { Metadata } from "../ports/WorkerRegistry.js"
import type { Resolved, WorkerOptions } from "./WorkerOptions.js"

/** What a worker has now. `inFlight`: its runs. `ahead`: how many of them wait for a slot. */
export interface Holdings {
  readonly inFlight: number
  readonly ahead: number
  readonly losses: ReadonlyArray<LeaseLoss>
}

const nothing: Holdings = { inFlight: 0, ahead: 0, losses: [] }

export const of = (
  options: WorkerOptions,
  { agentIds, concurrency, heartbeatInterval }: Resolved,
  { ahead, inFlight, losses }: Holdings = nothing,
): Metadata => {
  const runlease: WorkerMetadata = {
    version: options.version ?? null,
    agents: agentIds.length === 0 ? null : agentIds,
    slots: concurrency,
    in_use: inFlight - ahead,
    heartbeat_ms: Duration.toMillis(heartbeatInterval),
    ...(ahead === 0 ? {} : { ahead }),
    ...(options.forms === undefined ? {} : { forms: options.forms }),
    ...(losses.length === 0 ? {} : { losses }),
  }
  return { ...(agentIds.length === 0 ? {} : { agent_ids: agentIds }), ...options.metadata, runlease }
}
