/**
 * A link that signs a browser in with the key of this process, once.
 *
 * Source: docs/decisions/0087-sign-in-link.md
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Access } from "@runlease/core"
import * as Principal from "@runlease/http/Principal"
import type * as Server from "@runlease/http/Server"
import { Deferred, Effect, Redacted, Ref } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

const path = "/sign-in"
const parameter = "once"

export interface SignInLink {
  /** Answers the link, and lets every other request through. */
  readonly inFront: Server.InFront
  /** The link of a server at `url`. */
  readonly of: (url: string) => string
  /** Lets the link sign in by this key. Before that it is refused. */
  readonly activate: (access: Access.Access["Type"], key: Access.ApiKey) => Effect.Effect<void>
}

const digest = (text: string) => createHash("sha256").update(text).digest()

/** Makes a link. */
export const make = Effect.gen(function* () {
  const code = randomBytes(32).toString("hex")
  const expected = digest(code)
  const used = yield* Ref.make(false)
  const issue = yield* Deferred.make<Effect.Effect<Redacted.Redacted, unknown>>()

  const signIn = Effect.gen(function* () {
    const token = yield* Effect.flatten(Deferred.await(issue))
    return yield* HttpServerResponse.setCookie(
      HttpServerResponse.empty({ status: 303, headers: { location: "./" } }),
      Principal.sessionCookie,
      Redacted.value(token),
      { httpOnly: true, sameSite: "strict", path: "/", maxAge: Access.sessionLifetime },
    )
  })

  const codeOf = ({ method, url }: HttpServerRequest.HttpServerRequest): string | null => {
    if (method !== "GET" || !url.startsWith(`${path}?`)) return null
    return new URLSearchParams(url.slice(path.length)).get(parameter)
  }

  const link: SignInLink = {
    of: (url) => `${url}${path}?${parameter}=${code}`,
    activate: (access, { id, projectId }) =>
      Effect.asVoid(Deferred.succeed(issue, access.issueSession({ projectId, keyId: id }))),
    inFront: (api) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const code = codeOf(request)
        return code !== null && timingSafeEqual(digest(code), expected)
          ? Effect.flatMap(Ref.getAndSet(used, true), (wasUsed) =>
              wasUsed ? HttpServerResponse.redirect(`.${path}`, { status: 303 }) : Effect.orDie(signIn),
            )
          : api
      }),
  }
  return link
})
