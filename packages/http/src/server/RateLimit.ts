/**
 * Limits the requests of each caller.
 *
 * @since 0.1.0
 */
import type { Access } from "@runlease/core"
import { Context, Effect, Layer } from "effect"
import { callerOf } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as Buckets from "./Buckets.js"

export class RateLimit extends Context.Tag("@runlease/http/server/RateLimit")<
  RateLimit,
  { readonly take: (principal: Access.Principal) => Effect.Effect<void, Refusal.Refusal> }
>() {}

const tooMany = "This caller sends too many requests; send them more slowly"

/** Each caller may send `perSecond` requests a second, and at once as many as in one second, but at least one. */
export const layer = (perSecond: number): Layer.Layer<RateLimit> =>
  perSecond === Infinity
    ? Layer.succeed(RateLimit, { take: () => Effect.void })
    : Layer.sync(RateLimit, () => {
        const buckets = Buckets.make({ perSecond, size: perSecond })
        return {
          take: (principal) =>
            Effect.flatMap(buckets.take(callerOf(principal)), (wait) =>
              wait > 0 ? Effect.fail(Refusal.tooMany(tooMany, wait)) : Effect.void,
            ),
        }
      })
