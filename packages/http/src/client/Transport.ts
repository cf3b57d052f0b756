/** Sends one request to a control plane, and reads its answer or refusal. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as HttpMethod from "@effect/platform/HttpMethod"
import { ControlPlaneError, ControlPlaneUnavailable as Unavailable, type Ids, type Run } from "@runlease/core"
import { Tracing } from "@runlease/core/executor"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import {
  Clock,
  Context,
  DefaultServices,
  Duration,
  Effect,
  Either,
  Fiber,
  Option,
  type ParseResult,
  Redacted,
  Runtime,
  Schema,
  Stream,
  Tracer,
} from "effect"
import { epochHeader, workerHeader } from "../Api/Fence.js"
import * as Decoder from "../Wire/Decoder.js"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import * as Refusal from "../contract/Refusal.js"
import type { About, ErrorOf, Tag } from "../contract/Verdict.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Unreachable from "./Unreachable.js"

// The tokens of workers. A worker gets its token when it registers, and others later.

/** The token and headers that name the worker of a request. */
export interface Credential {
  /** The worker's own token; the API key is used when it is absent. */
  readonly token: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, string>>
}

export class Credentials extends Context.Tag("@runlease/http/client/Credentials")<
  Credentials,
  {
    readonly keep: (workerId: Ids.WorkerId, token: string) => Effect.Effect<void>
    readonly of: (workerId: Ids.WorkerId) => Credential

    /** Calls `listener` with the worker's token, if it has one, and with each later one, until the returned function is called. */
    readonly follow: (
      workerId: Ids.WorkerId,
      listener: (token: Redacted.Redacted) => void,
    ) => Effect.Effect<() => void>

    /** For a request that needs a lease. Without the worker's token, the headers name the worker and the lease. */
    readonly fenced: (fence: Run.Fence | undefined) => Effect.Effect<Credential>
  }
>() {}

export const makeCredentials: Effect.Effect<Context.Tag.Service<Credentials>> = Effect.sync(() => {
  const tokens = new Map<Ids.WorkerId, Redacted.Redacted>()
  const followers = new Set<(workerId: Ids.WorkerId) => void>()

  return {
    keep: (workerId, token) =>
      Effect.sync(() => {
        tokens.set(workerId, Redacted.make(token))
        for (const follower of followers) follower(workerId)
      }),
    follow: (workerId, listener) =>
      Effect.sync(() => {
        const follower = (changed: Ids.WorkerId) => {
          const token = tokens.get(workerId)
          if (changed === workerId && token !== undefined) listener(token)
        }
        followers.add(follower)
        follower(workerId)
        return () => void followers.delete(follower)
      }),
    of: (workerId) => ({ token: tokens.get(workerId), headers: {} }),
    fenced: (fence) =>
      Effect.sync(() => {
        if (fence === undefined) return { token: undefined, headers: {} }
        const token = tokens.get(fence.workerId)
        return {
          token,
          headers: {
            ...(fence.epoch === null ? {} : { [epochHeader]: String(fence.epoch) }),
            ...(token === undefined ? { [workerHeader]: fence.workerId } : {}),
          },
        }
      }),
  }
})

export interface Request<A, I> {
  /** The port's method, for errors. */
  readonly operation: string
  readonly method: HttpMethod.HttpMethod
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | ReadonlyArray<string> | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** A body that is JSON text already. */
  readonly text?: string
  /** A token to use instead of the API key. */
  readonly token?: Redacted.Redacted | undefined
  readonly success: Schema.Schema<A, I>
  /** How long the server may hold the request. */
  readonly wait?: Duration.Duration | undefined
}

export class Transport extends Context.Tag("@runlease/http/client/Transport")<
  Transport,
  {
    /** The project of the client, by its slug or its id. */
    readonly project: string

    readonly request: <A, I>(
      request: Request<A, I>,
    ) => Effect.Effect<A, Refusal.Refusal | ControlPlaneError.ControlPlaneError>

    /** As `request`. A refusal is one of the `expected` errors, or else a `ControlPlaneError`. */
    readonly call: <A, I, T extends Tag = never, E = never>(
      request: Request<A, I>,
      expected?: ReadonlyArray<T>,
      about?: About<E>,
    ) => Effect.Effect<A, ErrorOf<T> | E | ControlPlaneError.ControlPlaneError>

    /** The response itself, its body unread, for as long as the Scope is open. */
    readonly open: (
      request: Omit<Request<never, never>, "success">,
    ) => Effect.Effect<
      HttpClientResponse.HttpClientResponse,
      Refusal.Refusal | ControlPlaneError.ControlPlaneError
    >
  }
>() {}

/** How long an answer is awaited that the server does not hold back. */
export const answerTimeout = Duration.seconds(10)

// Neither the request nor its headers are in it: they hold the token.
const unreachable = (
  operation: string,
  error: HttpClientError.HttpClientError,
): Unavailable.ControlPlaneUnavailable =>
  new Unavailable.ControlPlaneUnavailable({ operation, message: Unreachable.message(error) })

const decodeRefusal = Schema.decodeUnknownOption(Refusal.Body)
const decodeDetail = Schema.decodeUnknownOption(Schema.Struct({ detail: Schema.String }))

const bodyOf = (status: number, json: unknown): Refusal.Body =>
  Option.getOrElse(decodeRefusal(json), () => ({
    error: "unknown",
    detail: Option.match(decodeDetail(json), {
      onNone: () => `The control plane answered ${status}`,
      onSome: ({ detail }) => detail,
    }),
  }))

/** The failure of an operation that was answered with that status and body. */
export const failureOf = (
  operation: string,
  answer: {
    readonly status: number
    readonly body: unknown
    readonly headers?: Readonly<Record<string, string>>
  },
): Refusal.Refusal | ControlPlaneError.ControlPlaneError => {
  const { body, headers = {}, status } = answer
  const refusal = new Refusal.Refusal({ httpStatus: status, body: bodyOf(status, body), headers })
  return ControlPlaneErrors.isRetryable(refusal) ? ControlPlaneErrors.decode(operation)(refusal) : refusal
}

/** The most bytes of an answer. What a server sends of runs at once is less, whatever they have. */
export const maxAnswerBytes = 64 * 1024 * 1024

const tooLarge = (operation: string) =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: `The control plane's answer has more than ${maxAnswerBytes} bytes`,
  })

const parseJson = Option.liftThrowable((text: string): unknown => (text === "" ? null : JSON.parse(text)))

/** Reads a body whose length its server does not say in advance. */
const readInParts = (operation: string, response: HttpClientResponse.HttpClientResponse) =>
  response.stream.pipe(
    Stream.mapError((error) => unreachable(operation, error)),
    Stream.mapAccumEffect(0, (before, chunk) => {
      const bytes = before + chunk.length
      return bytes > maxAnswerBytes ? tooLarge(operation) : Effect.succeed([bytes, chunk] as const)
    }),
    Stream.decodeText(),
    Stream.mkString,
    Effect.flatMap((text) =>
      Effect.mapError(
        parseJson(text),
        () =>
          new Unavailable.ControlPlaneUnavailable({
            operation,
            message: "The control plane's answer is not JSON",
          }),
      ),
    ),
  )

const readJson = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
): Effect.Effect<unknown, ControlPlaneError.ControlPlaneError> => {
  const { "content-encoding": encoding, "content-length": length } = response.headers
  if (encoding !== undefined || length === undefined) return readInParts(operation, response)
  return Number(length) > maxAnswerBytes
    ? tooLarge(operation)
    : Effect.mapError(response.json, (error) => unreachable(operation, error))
}

const refuse = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
): Effect.Effect<never, Refusal.Refusal | ControlPlaneError.ControlPlaneError> =>
  Effect.flatMap(Effect.option(readJson(operation, response)), (body) => {
    const { headers, status } = response
    return Effect.fail(failureOf(operation, { status, body: Option.getOrNull(body), headers }))
  })

/** Whether a server refuses because it lacks the endpoint. */
export const lacks = (refusal: Refusal.Refusal): boolean =>
  (refusal.httpStatus === 404 || refusal.httpStatus === 405) && refusal.body.error !== "run_not_found"

/** The failure of an operation that a control plane does not have. */
export const missing = (operation: string, what: string): ControlPlaneError.ControlPlaneUnsupported =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: `This control plane cannot ${what}`,
  })

/** Reads a successful answer by its schema. */
export const read = <A, I>(
  operation: string,
  success: Schema.Schema<A, I>,
  json: unknown,
): Either.Either<A, ControlPlaneError.ControlPlaneUnsupported> => {
  const answer = Decoder.decode(success, json)
  return Either.isRight(answer)
    ? Either.right(answer.right)
    : Either.left(misunderstood(operation, answer.left))
}

const misunderstood = (operation: string, error: ParseResult.ParseError) =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: `The control plane's answer is not what this client knows: ${SchemaProblem.describe(error)}`,
  })

const bodyFrom = ({ body, text }: Omit<Request<never, never>, "success">) =>
  text !== undefined
    ? HttpBody.text(text, "application/json")
    : body !== undefined
      ? HttpBody.unsafeJson(body)
      : HttpBody.empty

/**
 * As `Effect.timeoutFail` in the time of the network, which waits for no other Clock. It takes one fiber and one timer
 * for what is a race of two fibers there.
 */
const within = <A, E, E2>(
  self: Effect.Effect<A, E>,
  time: Duration.Duration,
  onTimeout: () => E2,
): Effect.Effect<A, E | E2> =>
  Effect.flatMap(Effect.runtime<never>(), (runtime) =>
    Effect.async<A, E | E2>((resume) => {
      const fiber = Runtime.runFork(runtime)(self, { immediate: true })
      const timer = setTimeout(() => {
        resume(Effect.zipRight(Fiber.interrupt(fiber), Effect.failSync(onTimeout)))
      }, Duration.toMillis(time))
      fiber.addObserver((exit) => {
        clearTimeout(timer)
        resume(exit)
      })
      return Effect.suspend(() => {
        clearTimeout(timer)
        return Fiber.interrupt(fiber)
      })
    }),
  )

/**
 * Whether a span of a request is of use: Effect's default tracer exports none, but the server may belong to the trace of
 * a span around the request.
 */
const hasReader = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  Context.getOption(fiber.currentContext, Tracer.ParentSpan)._tag === "Some" ||
  Tracing.hasReader(Context.get(fiber.getFiberRef(DefaultServices.currentServices), Tracer.Tracer))

export const make = (options: {
  readonly baseUrl: string
  readonly token: Redacted.Redacted
  readonly project: string
}): Effect.Effect<Context.Tag.Service<Transport>, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    // A network does not wait for anybody's Clock: this one is always real.
    const networkClock = Clock.make()
    const root = options.baseUrl.replace(/\/+$/, "")

    const open: Context.Tag.Service<Transport>["open"] = (request) =>
      Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>(
        (fiber) => {
          const sent = client.execute(
            HttpClientRequest.make(request.method)(`${root}${request.path}`, {
              headers: {
                accept: "application/json",
                authorization: `Bearer ${Redacted.value(request.token ?? options.token)}`,
                ...request.headers,
              },
              urlParams: request.query,
              body: bodyFrom(request),
            }),
          )
          return hasReader(fiber) ? sent : Effect.withTracerEnabled(sent, false)
        },
      ).pipe(
        Effect.mapError((error) => unreachable(request.operation, error)),
        Effect.flatMap((response) =>
          response.status >= 200 && response.status < 300
            ? Effect.succeed(response)
            : refuse(request.operation, response),
        ),
      )

    const request: Context.Tag.Service<Transport>["request"] = (request) =>
      within(
        Effect.withClock(
          Effect.flatMap(open(request), (response) => readJson(request.operation, response)),
          networkClock,
        ),
        Duration.sum(request.wait ?? Duration.zero, answerTimeout),
        () =>
          new Unavailable.ControlPlaneUnavailable({
            operation: request.operation,
            message: "The control plane did not answer in time",
          }),
      ).pipe(Effect.flatMap((json) => read(request.operation, request.success, json)))

    return {
      project: options.project,
      open,
      request,
      call: (sent, expected = [], about = {}) =>
        Effect.catchTag(request(sent), "Refusal", (refusal) =>
          Verdicts.decode(sent.operation, expected, about)(refusal),
        ),
    }
  })
