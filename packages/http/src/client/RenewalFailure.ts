/** Why a round of the renewal thread failed, as the failure that the same request has on the event loop. */
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { ControlPlaneError, ControlPlaneUnavailable as Unavailable } from "@runlease/core"
import { Either } from "effect"
import { RenewedMany } from "../Api/Workers.js"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import type { FailedRound } from "./RenewalProgram.js"
import * as Transport from "./Transport.js"
import * as Unreachable from "./Unreachable.js"

const operation = "Leases.renew"

/** The failure of a request to `url`; `lacking` where the server cannot renew many leases at once. */
export const of = (url: string, failed: FailedRound): ControlPlaneError.ControlPlaneError | "lacking" => {
  switch (failed._tag) {
    case "TimedOut":
      return new Unavailable.ControlPlaneUnavailable({
        operation,
        message: "The control plane did not answer in time",
      })
    case "Unreachable": {
      const request = HttpClientRequest.post(url)
      const error = new HttpClientError.RequestError({ request, reason: "Transport", cause: failed.cause })
      return new Unavailable.ControlPlaneUnavailable({ operation, message: Unreachable.message(error) })
    }
    case "Refused": {
      if (failed.status >= 200 && failed.status < 300) {
        return Either.match(Transport.read(operation, RenewedMany, failed.body), {
          onLeft: (error) => error,
          onRight: () =>
            new ControlPlaneError.ControlPlaneUnsupported({ operation, message: "The answer has no leases" }),
        })
      }
      const failure = Transport.failureOf(operation, failed)
      if (failure._tag !== "Refusal") return failure
      return Transport.lacks(failure) ? "lacking" : ControlPlaneErrors.decode(operation)(failure)
    }
  }
}
