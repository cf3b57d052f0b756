/** Sends one request to a remote agent and returns the bytes of its event stream. */
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import { SameOriginFetch } from "@runlease/core/executor"
import { Clock, Duration, Effect, Option, Predicate, Redacted, type Scope, Stream } from "effect"
import { excerpt, permanent, retryable } from "./Failure.js"

export interface Options {
  readonly url: string
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  readonly responseTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
  readonly maxOutputBytes: number
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
}

/** Statuses that do not depend on the content of the request. */
const retryableStatuses: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

/** The longest delay that a server may impose on a run. */
const maxRetryAfter = Duration.hours(1)

/** How much of a refusal's body is read for the message. */
const maxDetailBytes = 16_384

const describe = (error: unknown): string => {
  const messages: Array<string> = []
  for (let cause = error; cause instanceof Error && messages.length < 5; cause = cause.cause) {
    const code = Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""
    const text = cause.message === "" ? code : cause.message
    if (text !== "" && !messages.includes(text)) messages.push(text)
  }
  return messages.join(": ")
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error &&
  ((Predicate.hasProperty(error, "code") && error.code === "ECONNREFUSED") ||
    (error instanceof AggregateError && error.errors.some(isRefused)) ||
    isRefused(error.cause))

const unreachable = (error: HttpClientError) => {
  if (error._tag === "RequestError" && error.reason === "InvalidUrl") {
    return permanent("invalid_url", `The agent's URL is not valid: ${excerpt(describe(error.cause))}`)
  }
  const refused = SameOriginFetch.refusalIn(error)
  if (refused !== undefined) return permanent("other_origin", refused.message)
  return retryable(
    isRefused(error.cause) ? "connection_refused" : "unreachable",
    `The agent cannot be reached: ${excerpt(describe(error.cause) || error.message)}`,
  )
}

const brokenOff = (error: HttpClientError) =>
  retryable("stream_ended_early", `The agent's event stream broke off: ${excerpt(describe(error.cause))}`)

/** The first bytes of a body as text. Empty if the body cannot be read. */
const readBeginning = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
  response.stream.pipe(
    Stream.mapAccum(0, (received, chunk) => [
      received + chunk.length,
      received >= maxDetailBytes ? undefined : chunk.subarray(0, maxDetailBytes - received),
    ]),
    Stream.takeWhile(Predicate.isNotUndefined),
    Stream.decodeText(),
    Stream.runFold("", (text, piece) => text + piece),
    Effect.timeout("5 seconds"),
    Effect.orElseSucceed(() => ""),
  )

/** The message in a refusal: a usual field of a JSON body, or else the whole body. */
const detailOf = (body: string): string => {
  const parsed = Option.getOrUndefined(
    Option.liftThrowable((text: string): unknown => JSON.parse(text))(body),
  )
  const find = (value: unknown): string | undefined =>
    Predicate.isRecord(value)
      ? ["detail", "message", "error"]
          .map((key) => (typeof value[key] === "string" ? value[key] : find(value[key])))
          .find((text) => text !== undefined && text !== "")
      : undefined
  return excerpt(find(parsed) ?? body)
}

/** The header has seconds or an HTTP date. */
const retryAfterOf = (header: string | undefined): Effect.Effect<Duration.Duration | undefined> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    if (header === undefined) return undefined
    const millis = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
    return Number.isNaN(millis)
      ? undefined
      : Duration.min(Duration.millis(Math.max(0, millis)), maxRetryAfter)
  })

const failRefused = (response: HttpClientResponse.HttpClientResponse, { redact }: Options) =>
  Effect.gen(function* () {
    const detail = detailOf(redact(yield* readBeginning(response)))
    const message = `The agent answered ${response.status}${detail === "" ? "" : `: ${detail}`}`
    const code = `http_${response.status}`
    return yield* retryableStatuses.has(response.status)
      ? retryable(code, message, yield* retryAfterOf(response.headers["retry-after"]))
      : permanent(code, message)
  })

const isEventStream = (contentType: string | undefined): boolean =>
  contentType?.split(";")[0]?.trim().toLowerCase() === "text/event-stream"

const failOtherType = (response: HttpClientResponse.HttpClientResponse, { redact }: Options) =>
  Effect.flatMap(readBeginning(response), (body) =>
    permanent(
      "not_event_stream",
      `The agent answered with ${response.headers["content-type"] ?? "no content type"}, not with an event stream` +
        (body === "" ? "" : `: ${excerpt(redact(body), 500)}`),
    ),
  )

/**
 * Sends `body` and streams the bytes of the response. The connection closes with the Scope.
 *
 * Fails, as the executor, with the codes of `AgUiExecutor` for addresses, statuses, timeouts and sizes.
 */
export const send = (
  client: HttpClient.HttpClient.With<HttpClientError, Scope.Scope>,
  options: Options,
  body: string,
) =>
  Effect.gen(function* () {
    const headers = Object.entries(options.headers)
    const secret = headers.flatMap(([name, value]) =>
      Redacted.isRedacted(value) ? [name.toLowerCase()] : [],
    )
    const request = HttpClientRequest.post(options.url, {
      headers: {
        accept: "text/event-stream",
        ...Object.fromEntries(
          headers.map(([name, value]) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value]),
        ),
      },
      body: HttpBody.text(body, "application/json"),
    })
    const response = yield* client.execute(request).pipe(
      Effect.locallyWith(Headers.currentRedactedNames, (names) => [...names, ...secret]),
      Effect.mapError(unreachable),
      Effect.timeoutFail({
        duration: options.responseTimeout,
        onTimeout: () =>
          retryable(
            "response_timeout",
            `The agent did not answer within ${Duration.format(options.responseTimeout)}`,
          ),
      }),
    )
    if (response.status < 200 || response.status >= 300) return yield* failRefused(response, options)
    if (!isEventStream(response.headers["content-type"])) return yield* failOtherType(response, options)
    return response.stream.pipe(
      Stream.mapError(brokenOff),
      Stream.timeoutFail(
        () =>
          retryable(
            "stalled",
            `The agent sent nothing for ${Duration.format(options.idleTimeout)} and was given up`,
          ),
        options.idleTimeout,
      ),
      Stream.mapAccumEffect(0, (received, chunk) => {
        const total = received + chunk.length
        return total > options.maxOutputBytes
          ? permanent("output_too_large", `The agent sent more than ${options.maxOutputBytes} bytes`)
          : Effect.succeed([total, chunk] as const)
      }),
    )
  })
