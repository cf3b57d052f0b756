/**
 * The port of rollouts: to which version of workers the runs of an agent go.
 *
 * Source: docs/decisions/0160-rollouts.md
 */
import { Context, type Effect, Schema } from "effect"
import { BulkId } from "../model/BulkOperation.js"
import * as Ids from "../model/Ids.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import { VersionPolicy } from "./Submission.js"

/** A share of the runs that goes to another version. A run is in it by a hash of its id, so a larger share has all runs of a smaller one. */
export const Ramp = Schema.Struct({
  version: Ids.RunVersion,
  percent: Schema.Int.pipe(Schema.between(0, 100)),
})
export type Ramp = typeof Ramp.Type

/**
 * A rollout to be set. `current` is the version of the runs that are not in the ramp; empty for workers without a version. `versionPolicy`: that
 * of new runs of the agent which do not choose one, and have none of a parent.
 */
export const RolloutInput = Schema.Struct({
  agentId: Ids.NewAgentId,
  current: Ids.RunVersion,
  ramp: Schema.NullOr(Ramp),
  versionPolicy: VersionPolicy,
})

/** The rollout of an agent. `bulkId`: the bulk operation that brings the open runs of the agent to their versions. */
export const Rollout = Schema.Struct({
  ...RolloutInput.fields,
  agentId: Ids.AgentId,
  bulkId: BulkId,
  createdBy: Schema.NullOr(Schema.String),
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber,
})
export type Rollout = typeof Rollout.Type

/** The agent has no rollout. */
export class RolloutNotFound extends Schema.TaggedError<RolloutNotFound>("@runlease/core/RolloutNotFound")(
  "RolloutNotFound",
  { agentId: Schema.String },
) {
  override get message() {
    return `Agent ${this.agentId} has no rollout`
  }
}

/** The rollout has a value that none can have, in `field`. `message` says what would be right. */
export class InvalidRollout extends Schema.TaggedError<InvalidRollout>("@runlease/core/InvalidRollout")(
  "InvalidRollout",
  { field: Schema.String, message: Schema.String },
) {}

export class Rollouts extends Context.Tag("@runlease/core/Rollouts")<
  Rollouts,
  {
    /**
     * Sets the rollout of an agent. From then on no worker of another version gets a run of the agent, unless the run is pinned to that. A
     * bulk operation brings the runs that are there already to their versions: those that work go on, and change it at their next claim. A
     * run that a worker has had before may also go to the other version of the rollout. A pinned run keeps the version that it has; a new
     * one has that of the rollout from its submission on.
     *
     * Another server learns of the first rollout of a project within a second.
     */
    readonly set: (
      agentId: string,
      rollout: {
        readonly current: string
        readonly ramp?: Ramp | null | undefined
        readonly versionPolicy?: VersionPolicy | undefined
        readonly createdBy?: string | null | undefined
      },
    ) => Effect.Effect<Rollout, InvalidRollout | ControlPlaneError>

    readonly get: (agentId: string) => Effect.Effect<Rollout, RolloutNotFound | ControlPlaneError>

    /** Removes the rollout of an agent, and returns the bulk operation that lets any worker claim its open runs. */
    readonly remove: (agentId: string) => Effect.Effect<BulkId, RolloutNotFound | ControlPlaneError>
  }
>() {}
