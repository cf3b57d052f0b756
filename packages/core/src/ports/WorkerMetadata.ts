/**
 * What a worker of this package says of itself: the part `runlease` of its metadata.
 *
 * @since 0.1.0
 */
import { Option, Predicate, Schema } from "effect"
import { AgentId } from "../model/Ids.js"

/**
 * `version`: that of its program, null where it has none. `agents`: those whose runs it claims, null for any. `slots`: how many runs
 * it executes at once. `in_use`: how many it holds. `forms`: a JSON Schema of the input of an agent, by the agent's id.
 *
 * @since 0.1.0
 * @category models
 */
export const WorkerMetadata = Schema.Struct({
  version: Schema.NullOr(Schema.String),
  agents: Schema.NullOr(Schema.Array(AgentId)),
  slots: Schema.NonNegativeInt,
  in_use: Schema.NonNegativeInt,
  forms: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
})
export type WorkerMetadata = typeof WorkerMetadata.Type

const decode = Schema.decodeUnknownOption(WorkerMetadata)

/**
 * What a worker says of itself in its metadata; none of a worker of another program.
 *
 * @since 0.1.0
 * @category decoding
 */
export const of = (metadata: unknown): Option.Option<WorkerMetadata> =>
  Predicate.hasProperty(metadata, "runlease") ? decode(metadata.runlease) : Option.none()
