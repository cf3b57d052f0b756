/** Failures of the control plane that say nothing of a run, and the refusals that stand for them. */
import { ControlPlaneError, ControlPlaneUnavailable as Unavailable } from "@runlease/core"
import * as Refusal from "./Refusal.js"

/**
 * The refusal of a failure. All three are 503: a client of this server can only try later. Only `detail` goes to clients:
 * `message` may name hosts and files.
 */
export const encode = (error: ControlPlaneError.ControlPlaneError): Refusal.Refusal => {
  const { detail, retryAfterMillis } =
    error._tag === "ControlPlaneUnavailable" ? error : { detail: undefined, retryAfterMillis: undefined }
  return new Refusal.Refusal({
    httpStatus: 503,
    body: {
      error: "unavailable",
      detail: detail ?? "The control plane is not available now; try again later",
    },
    headers: Refusal.retryAfter(retryAfterMillis ?? 1000),
  })
}

const explain = ({ body, httpStatus }: Refusal.Refusal): string => {
  switch (httpStatus) {
    case 401:
      return `The token was refused; check the API key, and that neither it nor the worker was revoked (${body.detail})`
    case 403:
      return `The token is not enough for this; check that the API key is of this project (${body.detail})`
    case 404:
    case 405:
      return `The control plane has no such thing; check its URL and the project (${body.detail})`
    default:
      return `The control plane refused the request: ${body.detail}`
  }
}

const retryAfterOf = ({ headers }: Refusal.Refusal): number | undefined => {
  const seconds = Number(headers?.["retry-after"])
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

/** Whether the same request may succeed later, and the control plane alone is why. A limit that takes no further run is a verdict. */
export const isRetryable = ({ body, httpStatus }: Refusal.Refusal): boolean =>
  httpStatus >= 500 || (httpStatus === 429 && body.limit === undefined) || httpStatus === 408

/** The failure of an operation whose refusal is no verdict. */
export const decode =
  (operation: string) =>
  (refusal: Refusal.Refusal): ControlPlaneError.ControlPlaneRefused | Unavailable.ControlPlaneUnavailable => {
    if (!isRetryable(refusal)) {
      return new ControlPlaneError.ControlPlaneRefused({ operation, message: explain(refusal) })
    }
    const retryAfterMillis = retryAfterOf(refusal)
    return new Unavailable.ControlPlaneUnavailable({
      operation,
      message: refusal.body.detail,
      ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
    })
  }
