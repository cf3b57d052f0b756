/** Converts the errors of a model to failures of the executor: a code, a sentence, and whether to try again. */
import { Executor } from "@runlease/core"
import { APICallError } from "ai"
import { Duration } from "effect"

const codes: Readonly<Record<number, string>> = {
  401: "model_unauthorized",
  403: "model_forbidden",
  404: "model_not_found",
  408: "model_timeout",
  429: "model_rate_limited",
}

const maxMessage = 1000

const shorten = (text: string): string => (text.length <= maxMessage ? text : `${text.slice(0, maxMessage)}…`)

/** The delay that a server requests, in milliseconds or in seconds. */
const retryAfterOf = (headers: Readonly<Record<string, string>> = {}): Duration.Duration | undefined => {
  const millis = Number(headers["retry-after-ms"] ?? Number.NaN)
  if (millis >= 0) return Duration.millis(millis)
  const seconds = Number(headers["retry-after"] ?? Number.NaN)
  return seconds >= 0 ? Duration.seconds(seconds) : undefined
}

/** An answer that broke off: the next attempt requests it again. */
export const broken = (reason: string): Executor.ExecutorError =>
  Executor.retryableError("model_stream_broken", shorten(`The model's answer was cut off: ${reason}`))

/** The status with which the server has refused a request. */
const refusalOf = ({ statusCode }: APICallError): number | undefined =>
  statusCode === undefined || statusCode < 300 ? undefined : statusCode

/** What a rejected request to a model is. An error of another kind stays as it is. */
export const ofRequest = (error: unknown): unknown => {
  if (!APICallError.isInstance(error)) return error
  const { isRetryable, message, responseHeaders, statusCode } = error
  const status = refusalOf(error)
  if (statusCode !== undefined && status === undefined) return broken(message)
  return new Executor.ExecutorError({
    code:
      status === undefined
        ? "model_unreachable"
        : (codes[status] ?? (isRetryable ? "model_unavailable" : "model_request_refused")),
    message: shorten(
      status === undefined
        ? `The model's server cannot be reached: ${message}`
        : `The model's server answered ${status}: ${message}`,
    ),
    retryable: isRetryable,
    retryAfter: isRetryable ? retryAfterOf(responseHeaders) : undefined,
    cause: error,
  })
}

/** Whether the server has refused the request, which costs nothing then. */
export const isRefusal = (error: unknown): boolean =>
  APICallError.isInstance(error) && refusalOf(error) !== undefined

/** An error in the middle of an answer. */
export const ofStream = (error: unknown): unknown => {
  const failure = ofRequest(error)
  if (failure !== error) return failure
  return broken(error instanceof Error ? error.message : (JSON.stringify(error) ?? "for no reason"))
}
