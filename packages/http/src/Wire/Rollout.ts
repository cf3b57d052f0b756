/** Rollouts on the wire. (ours) */
import { Ids, Rollouts } from "@runlease/core"
import { Schema } from "effect"
import { as, nullish, renamed, Timestamp } from "../Wire.js"

const { fields } = Rollouts.Rollout

/** A rollout: every key, always. */
export const Rollout = as<Rollouts.Rollout>()(
  renamed({
    agentId: Ids.AgentId,
    current: fields.current,
    ramp: fields.ramp,
    versionPolicy: fields.versionPolicy,
    bulkId: fields.bulkId,
    createdBy: Schema.NullOr(Schema.String),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "Rollout" })

export const SetRollout = Schema.Struct({
  current: Schema.String.annotations({
    description: "The version of the runs that are not in the ramp; empty for workers without a version",
  }),
  ramp: nullish(Schema.Struct({ version: Schema.String, percent: Schema.Number })).annotations({
    description:
      "The share of the runs that goes to another version, 0 to 100 percent by a hash of their ids",
  }),
  versionPolicy: Schema.optionalWith(fields.versionPolicy, { nullable: true })
    .annotations({
      description:
        "`pinned`: a new run keeps its version, unless it has another policy of its own or of its parent",
    })
    .pipe(Schema.fromKey("version_policy")),
}).annotations({ identifier: "SetRollout" })
