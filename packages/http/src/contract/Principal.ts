/**
 * The caller of a request: an API key of a project, one of its workers, or the program of a run.
 *
 * @since 0.1.0
 */
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "@effect/platform"
import type { Access } from "@runlease/core"
import { Context, Schema } from "effect"
import * as Refusal from "./Refusal.js"

/** The caller of the request. */
export class CurrentPrincipal extends Context.Tag("@runlease/http/CurrentPrincipal")<
  CurrentPrincipal,
  Access.Principal
>() {}

/** Names a caller among all of them. */
export const callerOf = (principal: Access.Principal): string => {
  switch (principal._tag) {
    case "ApiKey":
      return principal.keyId
    case "Worker":
      return principal.workerId
    case "Run":
      return `${principal.lease.workerId} ${principal.lease.runId}`
  }
}

const apiKeyHeader = "X-API-Key"

/** The name of the cookie that has the token of a session. */
export const sessionCookie = "runlease_session"

/**
 * Finds out who calls. A worker token comes as a bearer token, an API key in either header. The cookie of a session counts where there is
 * no header.
 *
 * @since 0.1.0
 * @category middleware
 */
export class Authorization extends HttpApiMiddleware.Tag<Authorization>()("@runlease/http/Authorization", {
  provides: CurrentPrincipal,
  failure: Schema.Union(Refusal.Unauthorized, Refusal.TooMany),
  security: {
    bearer: HttpApiSecurity.bearer.pipe(
      HttpApiSecurity.annotate(OpenApi.Description, "An API key, a worker token, or the token of a run"),
    ),
    apiKey: HttpApiSecurity.apiKey({ in: "header", key: apiKeyHeader }).pipe(
      HttpApiSecurity.annotate(OpenApi.Description, "An API key"),
    ),
    session: HttpApiSecurity.apiKey({ in: "cookie", key: sessionCookie }).pipe(
      HttpApiSecurity.annotate(
        OpenApi.Description,
        "The cookie that POST /session sets. A request that may change something needs `Sec-Fetch-Site: same-origin` or an `Origin` that is its host, as browsers send them.",
      ),
    ),
  },
}) {}
