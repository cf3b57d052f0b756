/**
 * One request to a control plane, and what may come of it.
 *
 * @since 0.1.0
 */
import {
  type Headers,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse,
  type HttpMethod,
} from "@effect/platform"
import { ControlPlaneUnavailable as Unavailable } from "@runlease/core"
import {
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Either,
  Option,
  ParseResult,
  type Redacted,
  Schema,
} from "effect"
import * as Refusal from "../Refusal.js"

/** The server will not do this, and says why. What it means is for the port to say. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly httpStatus: number
  readonly body: Refusal.Body
}> {}

export interface Request<A, I> {
  /** The port's method, for errors. */
  readonly operation: string
  readonly method: HttpMethod.HttpMethod
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** A token to use instead of the API key. */
  readonly token?: Redacted.Redacted | undefined
  readonly success: Schema.Schema<A, I>
  /** How long the server was asked to hold the request. */
  readonly wait?: Duration.Duration | undefined
}

export class Transport extends Context.Tag("@runlease/http/client/Transport")<
  Transport,
  {
    readonly request: <A, I>(
      request: Request<A, I>,
    ) => Effect.Effect<A, Refused | Unavailable.ControlPlaneUnavailable>

    /** The response itself, its body unread, for as long as the Scope is open. */
    readonly open: (
      request: Omit<Request<never, never>, "success">,
    ) => Effect.Effect<HttpClientResponse.HttpClientResponse, Refused | Unavailable.ControlPlaneUnavailable>
  }
>() {}

const answerTimeout = Duration.seconds(10)

/** The slashes around a part are the path's own, never the part's. */
export const path = (strings: TemplateStringsArray, ...parts: ReadonlyArray<string>): string =>
  String.raw({ raw: strings }, ...parts.map(encodeURIComponent))

// Neither the request nor its headers are in it: they hold the token.
const unreachable =
  (operation: string) =>
  (error: HttpClientError.HttpClientError): Unavailable.ControlPlaneUnavailable =>
    new Unavailable.ControlPlaneUnavailable({
      operation,
      message:
        error.reason === "Decode"
          ? "The control plane's answer is not JSON, or broke off; check its URL"
          : `The control plane could not be reached: ${error.reason}${error.description === undefined ? "" : `, ${error.description}`}`,
    })

const retryAfterOf = (headers: Headers.Headers): number | undefined => {
  const seconds = Number(headers["retry-after"])
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

const decodeRefusal = Schema.decodeUnknownOption(Refusal.Body)
const decodeDetail = Schema.decodeUnknownOption(Schema.Struct({ detail: Schema.String }))

const refusalOf = (status: number, json: unknown): Refusal.Body =>
  Option.getOrElse(decodeRefusal(json), () => ({
    error: "unknown",
    detail: Option.match(decodeDetail(json), {
      onNone: () => `The control plane answered ${status}`,
      onSome: ({ detail }) => detail,
    }),
  }))

const isRetryable = (status: number): boolean => status >= 500 || status === 429 || status === 408

const refuse = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
): Effect.Effect<never, Refused | Unavailable.ControlPlaneUnavailable> =>
  Effect.flatMap(
    Effect.option(response.json),
    (json): Effect.Effect<never, Refused | Unavailable.ControlPlaneUnavailable> => {
      const body = refusalOf(response.status, Option.getOrNull(json))
      if (isRetryable(response.status)) {
        const retryAfterMillis = retryAfterOf(response.headers)
        return Effect.fail(
          new Unavailable.ControlPlaneUnavailable({
            operation,
            message: body.detail,
            ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
          }),
        )
      }
      return Effect.fail(new Refused({ httpStatus: response.status, body }))
    },
  )

/** What a refusal is that no verdict of the port stands for: the same request would be refused again. */
export const unexpected =
  (operation: string) =>
  (refused: Refused): Unavailable.ControlPlaneUnavailable =>
    new Unavailable.ControlPlaneUnavailable({
      operation,
      retryable: false,
      message:
        refused.httpStatus === 401
          ? `The token was refused; check the API key and that it was not revoked (${refused.body.detail})`
          : refused.httpStatus === 403
            ? `The token is not enough for this; check that the API key is of this project (${refused.body.detail})`
            : refused.httpStatus === 404 || refused.httpStatus === 405
              ? `The control plane has no such thing; check its URL and the project (${refused.body.detail})`
              : `The control plane refused the request: ${refused.body.detail}`,
    })

const misunderstood = (operation: string, error: ParseResult.ParseError) =>
  new Unavailable.ControlPlaneUnavailable({
    operation,
    retryable: false,
    message: `The control plane's answer is not what this client knows: ${ParseResult.ArrayFormatter.formatErrorSync(
      error,
    )
      .map((issue) => `${issue.path.map(String).join(".")}: ${issue.message}`)
      .join("; ")
      .slice(0, 500)}`,
  })

export const make = (options: {
  readonly baseUrl: string
  readonly token: Redacted.Redacted
}): Effect.Effect<Context.Tag.Service<Transport>, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    // A network does not wait for anybody's Clock: this one is always real.
    const networkClock = Clock.make()
    const root = options.baseUrl.replace(/\/+$/, "")

    const open: Context.Tag.Service<Transport>["open"] = (request) =>
      HttpClientRequest.make(request.method)(`${root}${request.path}`).pipe(
        HttpClientRequest.acceptJson,
        HttpClientRequest.bearerToken(request.token ?? options.token),
        HttpClientRequest.setHeaders(request.headers ?? {}),
        HttpClientRequest.setUrlParams(request.query ?? {}),
        request.body === undefined ? (self) => self : HttpClientRequest.bodyUnsafeJson(request.body),
        client.execute,
        Effect.mapError(unreachable(request.operation)),
        Effect.flatMap((response) =>
          response.status >= 200 && response.status < 300
            ? Effect.succeed(response)
            : refuse(request.operation, response),
        ),
      )

    return {
      open,
      request: (request) => {
        const decode = Schema.decodeUnknownEither(request.success)
        return Effect.flatMap(open(request), (response) =>
          Effect.mapError(response.json, unreachable(request.operation)),
        ).pipe(
          Effect.timeoutFail({
            duration: Duration.sum(request.wait ?? Duration.zero, answerTimeout),
            onTimeout: () =>
              new Unavailable.ControlPlaneUnavailable({
                operation: request.operation,
                message: "The control plane did not answer in time",
              }),
          }),
          Effect.withClock(networkClock),
          Effect.flatMap((json) =>
            Either.mapLeft(decode(json), (error) => misunderstood(request.operation, error)),
          ),
        )
      },
    }
  })
