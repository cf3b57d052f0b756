/**
 * The one failure that is not a verdict.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * The control plane did not answer: its store is down, it cannot be reached, or it refused to talk.
 * Says nothing of who owns a run: a caller that holds a lease keeps it until its own deadline.
 *
 * `retryable` is false where the same request can never succeed, such as with a revoked key.
 * `retryAfterMillis` is what the control plane asked for, when it did.
 *
 * @since 0.1.0
 * @category errors
 */
export class ControlPlaneUnavailable extends Schema.TaggedError<ControlPlaneUnavailable>(
  "@runlease/core/ControlPlaneUnavailable",
)("ControlPlaneUnavailable", {
  operation: Schema.String,
  message: Schema.String,
  retryable: Schema.optionalWith(Schema.Boolean, { default: () => true }),
  retryAfterMillis: Schema.optional(Schema.Number),
  cause: Schema.optional(Schema.Defect),
}) {}
