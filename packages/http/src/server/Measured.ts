/**
 * Measures the requests of an app, and logs them where that is wanted.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Access } from "@runlease/core"
import { Meter } from "@runlease/core/internal"
import { Effect } from "effect"
import { nameOfBound } from "../contract/Principal.js"
import { Callers } from "./Authenticate.js"
import * as RequestSpan from "./RequestSpan.js"
import * as ServerMetrics from "./ServerMetrics.js"

type Response = HttpServerResponse.HttpServerResponse

const requestIdHeader = "x-request-id"

/** An id that a caller gives is logged as it is. */
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
 *
 * @since 0.1.0
 * @category middleware
 */
export const make = (logs: boolean) =>
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
        path: RequestSpan.pathOf(request.originalUrl),
        status,
        ms: Math.round(millis * 10) / 10,
        ...(caller === undefined ? {} : { caller: callerIn(caller) }),
      })
    }

    return <E, R>(app: Effect.Effect<Response, E, R>) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.clockWith((clock) => {
          const begunAt = clock.unsafeCurrentTimeNanos()
          const measured = (status: number): number => {
            const millis = Number(clock.unsafeCurrentTimeNanos() - begunAt) / 1e6
            ServerMetrics.requests.add(1, ServerMetrics.byStatus(String(status)))
            ServerMetrics.requestTime.add(millis / 1000)
            return millis
          }
          if (!logs) {
            return Effect.map(app, (response) => {
              measured(response.status)
              return response
            })
          }
          const given = request.headers[requestIdHeader]
          const id = isRequestId(given) ? given : crypto.randomUUID()
          return app.pipe(
            Effect.map(HttpServerResponse.setHeader(requestIdHeader, id)),
            Effect.annotateLogs("request_id", id),
            Effect.tap(({ status }) => log(request, id, status, measured(status))),
            // The caller has gone, which proxies call status 499.
            Effect.onInterrupt(() => log(request, id, 499, measured(499))),
          )
        }),
      )
  })
