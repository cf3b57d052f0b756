import type { BrowserTokens } from "@runlease/core"
import { type Context, Effect, Redacted } from "effect"
import * as Api from "../Api/Tokens.js"
import * as Endpoints from "./Endpoints.js"
import { Extensions, missing } from "./Extensions.js"
import type { Transport } from "./Transport.js"

const purpose = "make tokens for browsers"

export const make: Effect.Effect<
  Context.Tag.Service<BrowserTokens.BrowserTokens>,
  never,
  Extensions | Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("BrowserTokens", Api.group)
  const extensions = yield* Extensions
  return {
    issue: Effect.fnUntraced(function* (token) {
      if (!extensions) return yield* missing("BrowserTokens.issue", purpose)
      const issued = yield* call("issue", { body: token }, ["InvalidBrowserToken"])
      return { token: Redacted.make(issued.token), expiresAt: issued.expires_at }
    }),
    rotate: extensions ? Effect.asVoid(call("rotate", {})) : missing("BrowserTokens.rotate", purpose),
  }
})
