/**
 * Failures of the control plane that say nothing of a run, and the refusals that stand for them.
 *
 * @since 0.1.0
 */
import { ControlPlaneUnavailable as Unavailable } from "@runlease/core"
import * as Refusal from "./Refusal.js"

/** The refusal of a failure. Only `detail` goes to clients: `message` may name hosts and files. */
export const encode = (error: Unavailable.ControlPlaneUnavailable): Refusal.Refusal =>
  new Refusal.Refusal({
    httpStatus: 503,
    body: {
      error: "unavailable",
      detail: error.detail ?? "The control plane is not available now; try again later",
    },
    headers: Refusal.retryAfter(error.retryAfterMillis ?? 1000),
  })
