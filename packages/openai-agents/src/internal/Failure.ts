/** Converts the errors of a model to failures of the executor: a code, a sentence, and whether to try again. */
import { Executor } from "@runlease/core"
import { Duration, Predicate } from "effect"

const codes: Readonly<Record<number, string>> = {
  401: "model_unauthorized",
  403: "model_forbidden",
  404: "model_not_found",
  408: "model_timeout",
  429: "model_rate_limited",
}

const maxMessage = 1000

const shorten = (text: string): string => (text.length <= maxMessage ? text : `${text.slice(0, maxMessage)}…`)

/** An error of the client of OpenAI. It has no status where no answer came. */
interface ApiError extends Error {
  readonly status: number | undefined
  readonly headers: Headers | undefined
}

const isApiError = (error: unknown): error is ApiError =>
  error instanceof Error && "status" in error && "headers" in error

const numberOf = (headers: Headers | undefined, name: string): number =>
  Number(headers?.get(name) ?? Number.NaN)

/** The delay that a server requests, in milliseconds or in seconds. */
const retryAfterOf = (headers: Headers | undefined): Duration.Duration | undefined => {
  const millis = numberOf(headers, "retry-after-ms")
  if (millis >= 0) return Duration.millis(millis)
  const seconds = numberOf(headers, "retry-after")
  return seconds >= 0 ? Duration.seconds(seconds) : undefined
}

const passes = (status: number): boolean =>
  status === 408 || status === 409 || status === 429 || status >= 500

/** An answer that broke off: the next attempt requests it again. */
export const broken = (reason: string): Executor.ExecutorError =>
  Executor.retryableError("model_stream_broken", shorten(`The model's answer was cut off: ${reason}`))

/** What a rejected request to a model is. An error of another kind stays as it is. */
export const ofRequest = (error: unknown): unknown => {
  if (Predicate.hasProperty(error, "name") && error.name === "ModelTimeoutError") {
    return Executor.retryableError(
      "model_timeout",
      "The model did not answer within the time of its settings",
    )
  }
  if (!isApiError(error)) return error
  const { headers, message, status } = error
  const retryable = status === undefined || passes(status)
  return new Executor.ExecutorError({
    code:
      status === undefined
        ? "model_unreachable"
        : (codes[status] ?? (retryable ? "model_unavailable" : "model_request_refused")),
    message: shorten(
      status === undefined
        ? `The model's server cannot be reached: ${message}`
        : `The model's server answered ${status}: ${message}`,
    ),
    retryable,
    retryAfter: retryable ? retryAfterOf(headers) : undefined,
    cause: error,
  })
}

/** Whether the server has refused the request, which costs nothing then. */
export const isRefusal = (error: unknown): boolean => isApiError(error) && error.status !== undefined

/** An error in the middle of an answer. */
export const ofStream = (error: unknown): unknown => {
  const failure = ofRequest(error)
  if (failure !== error) return failure
  return broken(error instanceof Error ? error.message : (JSON.stringify(error) ?? "for no reason"))
}
