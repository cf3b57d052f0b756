/** What is done to each request and its answer: it is measured, it is in a span, and it has headers. */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Access, Token, TraceContext } from "@runlease/core"
import { Tracing } from "@runlease/core/executor"
import * as Meter from "@runlease/core/Meter"
import { Effect, type Context, Option, Tracer } from "effect"
import { nameOfBound } from "../contract/Principal.js"
import { Callers } from "./Callers.js"
import * as InlineScripts from "./InlineScripts.js"
import * as ServerMetrics from "./ServerMetrics.js"

type Response = HttpServerResponse.HttpServerResponse

// The span of a request: whether there is one, its address, and the span of the caller around it.

/** The path, without the query, which may have secrets, and without a token that was put there. */
export const pathOf = (url: string): string => Token.mask(url.split("?", 1)[0]!)

/** The address as `pathOf` has it. The tracer has written the whole one into the span by then. */
const hideSecrets = (url: string) =>
  Effect.map(Effect.currentSpan, (span) => {
    const full = span.attributes.get("url.full")
    if (typeof full === "string") span.attribute("url.full", pathOf(full))
    span.attribute("url.path", pathOf(url))
    if (span.attributes.has("url.query")) span.attribute("url.query", "REDACTED")
  })

/** Leaves out of the span of a request what its access log leaves out. */
const withoutSecrets = <E, R>(app: Effect.Effect<Response, E, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
    url !== pathOf(url) ? Effect.zipRight(Effect.ignore(hideSecrets(url)), app) : app,
  )

const always = (): boolean => true

/**
 * Serves the app. Effect's default tracer exports no span, and the span of a request costs as much as its direct path, so requests have
 * spans only where another tracer is there.
 */
export const serve = <E, R>(app: Effect.Effect<Response, E, R>) =>
  Effect.tracerWith((tracer) =>
    Tracing.hasReader(tracer)
      ? HttpServer.serveEffect(withoutSecrets(app))
      : HttpMiddleware.withTracerDisabledWhenEffect(HttpServer.serveEffect(app), always),
  )

/**
 * The app in the span that the request's `traceparent` names, where this server exports no spans: what a request submits belongs
 * to the caller's trace all the same. Where a tracer is there, the server's own span is in that trace already.
 */
export const inCallers = <A, E, R>(
  app: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    const { traceparent } = headers
    if (traceparent === undefined) return app
    return Effect.tracerWith((tracer) => {
      const span = Tracing.hasReader(tracer)
        ? undefined
        : Option.getOrUndefined(TraceContext.ofHeader(traceparent))
      return span === undefined ? app : Effect.withParentSpan(app, span)
    })
  })

/** Names the route of a request in its span, where it has one, as the router does. */
export const nameRoute = (context: Context.Context<never>, route: string): void => {
  const span = context.unsafeMap.get(Tracer.ParentSpan.key) as Tracer.AnySpan | undefined
  if (span?._tag === "Span") span.attribute("http.route", route)
}

// Measures the requests of an app, and logs them where that is wanted.

const requestIdHeader = "x-request-id"

/** An id that a caller sends is logged as it is. */
const isRequestId = (id: string | undefined): id is string =>
  id !== undefined && /^[\w.:/+=-]{1,128}$/.test(id)

/** The key, the worker, the run, or what a page is bound to; a token is never shown. */
const callerIn = (principal: Access.Principal): string => {
  switch (principal._tag) {
    case "ApiKey":
      return `key ${principal.keyId}`
    case "Worker":
      return `worker ${principal.workerId}`
    case "Run":
      return `run ${principal.lease.runId}`
    case "Browser":
      return `page of ${nameOfBound(principal.grant.bound)}`
  }
}

/**
 * Makes the middleware that is around all others. With `logs` each request gets an id, or keeps the one that its proxy gave in
 * `x-request-id`, and a line in the log.
 */
export const measured = (logs: boolean) =>
  Effect.map(Effect.zipLeft(Callers, Meter.register(ServerMetrics.all)), (callers) => {
    const log = (
      request: HttpServerRequest.HttpServerRequest,
      id: string,
      status: number,
      millis: number,
    ) => {
      const caller = callers.identified(request)
      return Effect.annotateLogs(Effect.logInfo("request"), {
        request_id: id,
        method: request.method,
        path: pathOf(request.originalUrl),
        status,
        ms: Math.round(millis * 10) / 10,
        ...(caller === undefined ? {} : { caller: callerIn(caller) }),
      })
    }

    const count = (status: number, nanos: bigint): number => {
      const millis = Number(nanos) / 1e6
      ServerMetrics.requests.add(1, ServerMetrics.byStatus(String(status)))
      ServerMetrics.requestTime.add(millis / 1000)
      return millis
    }

    return <E, R>(app: Effect.Effect<Response, E, R>) =>
      Effect.gen(function* () {
        const clock = yield* Effect.clock
        const begunAt = clock.unsafeCurrentTimeNanos()
        if (!logs) {
          const response = yield* app
          count(response.status, clock.unsafeCurrentTimeNanos() - begunAt)
          return response
        }
        const request = yield* HttpServerRequest.HttpServerRequest
        const sent = request.headers[requestIdHeader]
        const id = isRequestId(sent) ? sent : crypto.randomUUID()
        const counted = (status: number) => count(status, clock.unsafeCurrentTimeNanos() - begunAt)
        return yield* app.pipe(
          Effect.map(HttpServerResponse.setHeader(requestIdHeader, id)),
          Effect.annotateLogs("request_id", id),
          Effect.tap(({ status }) => log(request, id, status, counted(status))),
          // The caller has gone, which proxies call status 499.
          Effect.onInterrupt(() => log(request, id, 499, counted(499))),
        )
      })
  })

// Headers that prevent that an answer is interpreted as another type, or stored on its way.

const nosniff = { "x-content-type-options": "nosniff" }
const both = { ...nosniff, "cache-control": "no-store" }

/**
 * The declared type of an answer counts, and no cache stores an answer that does not allow it: it may have a token, and the events of a run are for
 * its caller alone.
 */
export const withHeaders = (
  response: HttpServerResponse.HttpServerResponse,
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(response, response.headers["cache-control"] === undefined ? both : nosniff)

const policyOf = (page: HttpServerResponse.HttpServerResponse): Effect.Effect<string> => {
  const html = page.body._tag === "Uint8Array" ? new TextDecoder().decode(page.body.body) : ""
  return Effect.map(InlineScripts.digests(html), (digests) =>
    [
      "default-src 'none'",
      `script-src ${digests.join(" ")}`,
      "style-src 'unsafe-inline'",
      "img-src data:",
      "font-src data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  )
}

/**
 * A page with a policy by which a browser runs no script but those of the page, loads nothing from elsewhere, sends requests to its own server
 * alone, and shows the page in no frame.
 */
export const withPolicy = <E, R>(
  page: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.flatMap(page, (response) =>
    Effect.map(policyOf(response), (policy) =>
      HttpServerResponse.setHeaders(response, {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
      }),
    ),
  )
