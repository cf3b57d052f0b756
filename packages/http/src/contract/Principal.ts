/** The caller of a request: an API key of a project, one of its workers, the program of a run, or a page in a browser. */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import type { Access, BrowserToken } from "@runlease/core"
import { Context, Schema } from "effect"
import * as Refusal from "./Refusal.js"

/** The caller of the request. */
export class CurrentPrincipal extends Context.Tag("@runlease/http/CurrentPrincipal")<
  CurrentPrincipal,
  Access.Principal
>() {}

/** Names what a token for a browser is bound to. */
export const nameOfBound = (bound: BrowserToken.Bound): string => {
  switch (bound._tag) {
    case "Conversation":
      return `conversation ${bound.conversationId}`
    case "Run":
      return `run ${bound.runId}`
    case "Label":
      return `label ${bound.name}=${bound.value}`
  }
}

/** Names a caller among all of them. The pages that are bound to one thing are one caller, whatever tokens they have had. */
export const callerOf = (principal: Access.Principal): string => {
  switch (principal._tag) {
    case "ApiKey":
      return principal.keyId
    case "Worker":
      return principal.workerId
    case "Run":
      return `${principal.lease.workerId} ${principal.lease.runId}`
    case "Browser":
      return `${principal.projectId} ${nameOfBound(principal.grant.bound)}`
  }
}

/** Names a caller for people, who read in a log who answered. */
export const inWords = (principal: Access.Principal): string => {
  switch (principal._tag) {
    case "ApiKey":
      return `API key ${principal.keyId}`
    case "Worker":
      return `worker ${principal.workerId}`
    case "Run":
      return `the program of run ${principal.lease.runId}`
    case "Browser":
      return `a page of ${nameOfBound(principal.grant.bound)}`
  }
}

/** A part of what a server has, and who takes from it. */
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

/** The pages of a project, which have a share together. */
export const pagesOf = (projectId: Access.Principal["projectId"]): string => `pages of ${projectId}`

/**
 * The shares that a caller takes from, its own first. A worker signs the tokens of its runs itself, also for runs that are not there, so the
 * programs of all of its runs have together what the worker has, and one of them half of that. The pages of a project have together half of
 * what the project has, so that they leave something for its keys and workers.
 */
export const sharesOf = (principal: Access.Principal): readonly [Share, ...ReadonlyArray<Share>] => {
  const project = { name: `project ${principal.projectId}`, part: ofProject }
  const own = callerOf(principal)
  switch (principal._tag) {
    case "Run":
      return [
        { name: own, part: ofCaller / 2 },
        { name: `programs of ${principal.lease.workerId}`, part: ofCaller },
        project,
      ]
    case "Browser":
      return [
        { name: own, part: ofCaller / 2 },
        { name: pagesOf(principal.projectId), part: ofProject / 2 },
        project,
      ]
    default:
      return [{ name: own, part: ofCaller }, project]
  }
}

const apiKeyHeader = "X-API-Key"

/** The name of the cookie that has the token of a session. */
export const sessionCookie = "runlease_session"

/**
 * Finds out who calls. A worker token comes as a bearer token, an API key in either header. The cookie of a session counts where there is
 * no header.
 */
export class Authorization extends HttpApiMiddleware.Tag<Authorization>()("@runlease/http/Authorization", {
  provides: CurrentPrincipal,
  failure: Schema.Union(Refusal.Unauthorized, Refusal.TooMany),
  security: {
    bearer: HttpApiSecurity.bearer.pipe(
      HttpApiSecurity.annotate(
        OpenApi.Description,
        "An API key, a worker token, the token of a run, or a token for a browser",
      ),
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
