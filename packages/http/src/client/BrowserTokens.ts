import type { BrowserTokens } from "@runlease/core"
import { type Context, Effect, Redacted } from "effect"
import * as Api from "../Api/Tokens.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

export const make: Effect.Effect<
  Context.Tag.Service<BrowserTokens.BrowserTokens>,
  never,
  Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("BrowserTokens", Api.group)
  return {
    issue: Effect.fnUntraced(function* (token) {
      const issued = yield* call("issue", { body: token }, ["InvalidBrowserToken"])
      return { token: Redacted.make(issued.token), expiresAt: issued.expires_at }
    }),
    rotate: Effect.asVoid(call("rotate", {})),
  }
})
