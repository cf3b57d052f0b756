/**
 * The cookie that has the token of a session.
 *
 * Source: docs/decisions/0071-sign-in.md
 */
import * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Access } from "@runlease/core"
import { Effect, Option, Redacted } from "effect"
import { sessionCookie } from "../contract/Principal.js"
import * as NodeConnection from "./NodeConnection.js"
import * as SameOrigin from "./SameOrigin.js"

/** The token in the cookie of a request. */
export const read = (request: HttpServerRequest.HttpServerRequest): Option.Option<string> =>
  Option.filter(Option.fromNullable(request.cookies[sessionCookie]), (token) => token !== "")

/** A browser that uses https says so of its page, also where a proxy ends the encryption. */
const isEncrypted = (request: HttpServerRequest.HttpServerRequest): boolean =>
  NodeConnection.isEncrypted(request) || SameOrigin.ownOrigin(request)?.protocol === "https:"

const setValue = (
  request: HttpServerRequest.HttpServerRequest,
  value: string,
  maxAge: typeof Access.sessionLifetime | 0,
): Effect.Effect<void> =>
  HttpApp.appendPreResponseHandler((_, response) =>
    Effect.orDie(
      HttpServerResponse.setCookie(response, sessionCookie, value, {
        httpOnly: true,
        sameSite: "strict",
        path: "/",
        secure: isEncrypted(request),
        maxAge,
      }),
    ),
  )

/** Sets the cookie in the answer to a request. */
export const set = (
  request: HttpServerRequest.HttpServerRequest,
  token: Redacted.Redacted,
): Effect.Effect<void> => setValue(request, Redacted.value(token), Access.sessionLifetime)

/** Removes the cookie with the answer to a request. */
export const clear = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> =>
  setValue(request, "", 0)
