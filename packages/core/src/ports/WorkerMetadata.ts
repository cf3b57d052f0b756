/** What a worker of this package says of itself: the part `runlease` of its metadata. */
import { Option, Predicate, Schema } from "effect"
import { AgentId, RunId } from "../model/Ids.js"
import { LeaseEpoch } from "../model/Run.js"

/**
 * A lease that the worker has lost, as it saw it. `refused`: the store answered that the worker does not own the lease. `expired`: the worker got
 * no answer in time, and stopped by itself. `failed_renewals`: how many renewals in a row had failed by then; `failure` is how the last
 * one did, null where none has.
 *
 * Units: `at` is in milliseconds since the epoch, by the clock of the worker.
 */
export const LeaseLoss = Schema.Struct({
  run_id: RunId,
  lease_epoch: LeaseEpoch,
  reason: Schema.Literal("refused", "expired"),
  at: Schema.Number,
  failed_renewals: Schema.NonNegativeInt,
  failure: Schema.NullOr(Schema.String),
})
export type LeaseLoss = typeof LeaseLoss.Type

/**
 * `version`: that of its program, null where it has none. `agents`: those whose runs it claims, null for any. `slots`: how many runs
 * it executes at once. `in_use`: how many it holds, without those that wait for a slot. `ahead`: how many wait for one; absent for none. `heartbeat_ms`: the pause
 * between two of its heartbeats. `forms`: a JSON Schema of the input of an agent, by the agent's id. `losses`: the last
 * leases that its process has lost, at most ten, the oldest first; absent for none.
 */
export const WorkerMetadata = Schema.Struct({
  version: Schema.NullOr(Schema.String),
  agents: Schema.NullOr(Schema.Array(AgentId)),
  slots: Schema.NonNegativeInt,
  in_use: Schema.NonNegativeInt,
  ahead: Schema.optional(Schema.NonNegativeInt),
  heartbeat_ms: Schema.optional(Schema.Positive),
  forms: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  losses: Schema.optional(Schema.Array(LeaseLoss)),
})
export type WorkerMetadata = typeof WorkerMetadata.Type

const decode = Schema.decodeUnknownOption(WorkerMetadata)

/** What a worker says of itself in its metadata; none of a worker of another program. */
export const of = (metadata: unknown): Option.Option<WorkerMetadata> =>
  Predicate.hasProperty(metadata, "runlease") ? decode(metadata.runlease) : Option.none()

/** How many runs of a worker wait for a slot, by its last heartbeat; 0 for a worker of another program. */
export const aheadOf = (metadata: unknown): number =>
  Option.match(of(metadata), { onNone: () => 0, onSome: ({ ahead = 0 }) => ahead })
