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

/**
 * A part of what a server has, and who takes from it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Share {
  readonly name: string
  /** Of all that there is. */
  readonly part: number
}

/** What one caller may take of all that there is. */
const ofCaller = 1 / 4

/** What all callers of a project may take together, so that they leave something for the callers of others. */
const ofProject = 3 / 4

/** The share of a caller that is not identified. */
export const unknownShare: Share = { name: "", part: ofCaller }

/**
 * The shares that a caller takes from, its own first. A worker signs the tokens of its runs itself, also for runs that are not there, so the
 * programs of all of its runs have together what the worker has, and one of them half of that.
 */
export const sharesOf = (principal: Access.Principal): readonly [Share, ...ReadonlyArray<Share>] => {
  const project = { name: `project ${principal.projectId}`, part: ofProject }
  const own = callerOf(principal)
  return principal._tag === "Run"
    ? [
        { name: own, part: ofCaller / 2 },
        { name: `programs of ${principal.lease.workerId}`, part: ofCaller },
        project,
      ]
    : [{ name: own, part: ofCaller }, project]
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
