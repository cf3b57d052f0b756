/** Converts the errors of a model to failures of the executor: a code, a sentence, and whether to try again. */
import type { AiError } from "@effect/ai"
import { type ControlPlaneError, Executor, type Run, type Step } from "@runlease/core"
import { Clock, Duration, Effect, Option, Predicate, Schema } from "effect"

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())
const parseDate = Schema.decodeUnknownOption(Schema.Date)

const maxMessage = 1000

const shorten = (text: string): string => (text.length <= maxMessage ? text : `${text.slice(0, maxMessage)}…`)

/** The type and the message in the error of a provider. Each is empty when absent. */
interface ProviderError {
  readonly type: string
  readonly message: string
}

const providerErrorOf = (value: unknown): ProviderError => {
  if (!Predicate.isRecord(value)) return { type: "", message: typeof value === "string" ? value : "" }
  const inner = Predicate.isRecord(value["error"]) ? value["error"] : value
  const texts = (...fields: ReadonlyArray<string>) =>
    fields.flatMap((field) => (typeof inner[field] === "string" ? [inner[field]] : []))
  // An error event of OpenAI has the type `error` and says more in its code.
  return {
    type: texts("code", "type").find((type) => type !== "error") ?? "",
    message: texts("message")[0] ?? (typeof value["error"] === "string" ? value["error"] : ""),
  }
}

const providerErrorOfBody = (body: string | undefined): ProviderError =>
  body === undefined
    ? { type: "", message: "" }
    : providerErrorOf(Option.getOrElse(parseJson(body), () => body))

const codes: Readonly<Record<number, string>> = {
  401: "model_unauthorized",
  403: "model_forbidden",
  404: "model_not_found",
  408: "model_timeout",
  429: "model_rate_limited",
}

/** Waiting does not refill an account. */
const isExhausted = ({ type }: ProviderError): boolean =>
  type === "insufficient_quota" || type === "billing_error"

/** The delay that a server requests, in milliseconds, in seconds or as a date. */
const retryAfterOf = (
  headers: Readonly<Record<string, string>>,
): Effect.Effect<Duration.Duration | undefined> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const millis = Number(headers["retry-after-ms"] ?? Number.NaN)
    if (Number.isFinite(millis) && millis >= 0) return Duration.millis(millis)
    const after = headers["retry-after"]
    if (after === undefined) return undefined
    const seconds = Number(after)
    if (Number.isFinite(seconds) && seconds >= 0) return Duration.seconds(seconds)
    return Option.match(parseDate(after), {
      onNone: () => undefined,
      onSome: (date) => Duration.millis(Math.max(0, date.getTime() - now)),
    })
  })

const failure = (
  code: string,
  message: string,
  options: {
    readonly retryable?: boolean
    readonly retryAfter?: Duration.Duration | undefined
    readonly cause?: unknown
  } = {},
): Executor.ExecutorError =>
  new Executor.ExecutorError({
    code,
    message: shorten(message),
    retryable: options.retryable ?? false,
    ...(options.retryAfter === undefined ? {} : { retryAfter: options.retryAfter }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  })

const broken = (reason: string, cause?: unknown) =>
  failure("model_stream_broken", `The model's answer was cut off: ${reason}`, { retryable: true, cause })

const malformed = (reason: string, cause?: unknown) =>
  failure(
    "model_output_malformed",
    `The model's server sent an answer that cannot be understood: ${reason}`,
    { cause },
  )

const ofResponse = (error: AiError.HttpResponseError): Effect.Effect<Executor.ExecutorError> => {
  if (error.reason !== "StatusCode") return Effect.succeed(broken(error.description ?? error.reason, error))
  const { headers, status } = error.response
  const provided = providerErrorOfBody(error.body)
  const detail = provided.message
  const message = `The model's server answered ${status}${detail === "" ? "" : `: ${detail}`}`
  if (status === 429 && isExhausted(provided)) {
    return Effect.succeed(failure("model_quota_exhausted", message, { cause: error }))
  }
  const retryable = status === 408 || status === 429 || status >= 500
  const code = codes[status] ?? (retryable ? "model_unavailable" : "model_request_refused")
  return Effect.map(retryable ? retryAfterOf(headers) : Effect.succeed(undefined), (retryAfter) =>
    failure(code, message, { retryable, retryAfter, cause: error }),
  )
}

const describe = (error: AiError.MalformedInput | AiError.MalformedOutput | AiError.UnknownError): string =>
  error.description ?? (error.cause instanceof Error ? error.cause.message : error.message)

/** An error of the provider's module. */
export const ofAiError = (error: AiError.AiError): Effect.Effect<Executor.ExecutorError> => {
  switch (error._tag) {
    case "HttpRequestError":
      return Effect.succeed(
        error.reason === "Transport"
          ? failure("model_unreachable", `The model's server cannot be reached: ${error.description ?? ""}`, {
              retryable: true,
              cause: error,
            })
          : failure("model_request_invalid", error.message, { cause: error }),
      )
    case "HttpResponseError":
      return ofResponse(error)
    case "MalformedInput":
      return Effect.succeed(failure("model_input_unsupported", describe(error), { cause: error }))
    case "MalformedOutput":
      return Effect.succeed(malformed(describe(error), error))
    case "UnknownError":
      return Effect.succeed(failure("model_error", describe(error), { cause: error }))
  }
}

/** The types of errors in the middle of an answer that another attempt may avoid. */
const retryableTypes = /overloaded|rate_limit|api_error|server_error|unavailable|timeout|vector_store_timeout/

/** An error that the provider sent in the middle of its answer. */
export const ofErrorPart = (error: unknown): Executor.ExecutorError => {
  const { message: detail, type } = providerErrorOf(error)
  const code = type.includes("rate_limit") ? "model_rate_limited" : "model_error"
  const message = detail === "" ? (JSON.stringify(error) ?? "") : detail
  return failure(code, `The model's server reported ${type || "an error"}: ${message}`, {
    retryable: retryableTypes.test(type),
    cause: error,
  })
}

/** A defect of the provider's module, which means that it could not read an answer. */
export const ofDefect = (defect: unknown): Executor.ExecutorError =>
  malformed(defect instanceof Error ? defect.message : String(defect), defect)

/** An answer that ended before it was complete, or without having begun. */
export const unfinished = (begun: boolean): Executor.ExecutorError =>
  begun ? broken("it ended before it was complete") : malformed("it is empty")

/** The longest part of an answer, in UTF-16 units. */
export const maxPart = 4 * 1024 * 1024

export const tooLarge: Executor.ExecutorError = failure(
  "model_output_too_large",
  `The model sent more than ${maxPart} characters at once`,
)

export const timedOut = (duration: Duration.Duration): Executor.ExecutorError =>
  failure("model_timeout", `The model sent nothing for ${Duration.format(duration)}`, { retryable: true })

export const stepLimit = (maxSteps: number): Executor.ExecutorError =>
  failure("step_limit", `The model wants to continue after ${maxSteps} steps, which is the limit`)

export const argumentsMalformed = (count: number): Executor.ExecutorError =>
  failure(
    "tool_arguments_malformed",
    `The model called tools ${count} times in a row in ways that they cannot be called`,
  )

export const toolDefect = (toolName: string, defect: unknown): Executor.ExecutorError =>
  failure(
    "tool_defect",
    `Tool ${toolName} broke: ${defect instanceof Error ? defect.message : String(defect)}`,
    {
      cause: defect,
    },
  )

/** A budget that cannot be read. */
export const ofBudget = (error: Step.StepError): Executor.ExecutorError =>
  failure("control_plane_unavailable", error.message, { retryable: true, cause: error })

/** A port that is unavailable or does not find the run. */
export const ofControlPlane = (
  error: ControlPlaneError.ControlPlaneError | Run.RunNotFound,
): Executor.ExecutorError =>
  error._tag === "RunNotFound"
    ? failure("run_not_found", error.message, { cause: error })
    : failure("control_plane_unavailable", error.message, { retryable: true, cause: error })
