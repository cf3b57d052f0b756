/**
 * The failures of a port that say nothing of a run: neither who owns it nor what has become of it.
 *
 * Source: docs/decisions/0044-errors-of-the-control-plane.md
 */
import { Predicate, Schema } from "effect"
import type { ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"

const fields = { operation: Schema.String, message: Schema.String }

/**
 * The control plane refuses this caller or this request, for example because its key is revoked or belongs to another
 * project. `operation` is the method, such as `Runs.get`. `message` says what to check.
 */
export class ControlPlaneRefused extends Schema.TaggedError<ControlPlaneRefused>(
  "@runlease/core/ControlPlaneRefused",
)("ControlPlaneRefused", fields) {
  /** The same request is refused again. */
  get retryable(): false {
    return false
  }
}

/**
 * The control plane has no such operation, or its answer is not one of this contract: it is another product, or another
 * version. `operation` is the method, such as `Leases.suspend`. `message` says what is missing.
 */
export class ControlPlaneUnsupported extends Schema.TaggedError<ControlPlaneUnsupported>(
  "@runlease/core/ControlPlaneUnsupported",
)("ControlPlaneUnsupported", fields) {
  /** The same request fails again. */
  get retryable(): false {
    return false
  }
}

/**
 * What every method of a port may fail with besides its verdicts. `retryable` says whether the same request may succeed
 * later; it is true of most `ControlPlaneUnavailable`, and of no other.
 */
export type ControlPlaneError = ControlPlaneRefused | ControlPlaneUnavailable | ControlPlaneUnsupported

/** Whether an error is one of the control plane's, by its tag. */
export const isControlPlaneError = (error: unknown): error is ControlPlaneError =>
  Predicate.isTagged(error, "ControlPlaneUnavailable") ||
  Predicate.isTagged(error, "ControlPlaneRefused") ||
  Predicate.isTagged(error, "ControlPlaneUnsupported")
