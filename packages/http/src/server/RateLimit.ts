/**
 * Limits the requests of each caller. Renewals are limited apart from all else: a worker that sends too much must not lose its
 * leases by that.
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type { Access } from "@runlease/core"
import { Context, Effect, Layer } from "effect"
import { callerOf, pagesOf } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as Buckets from "./Buckets.js"

export class RateLimit extends Context.Tag("@runlease/http/server/RateLimit")<
  RateLimit,
  {
    readonly take: (
      principal: Access.Principal,
      request: HttpServerRequest.HttpServerRequest,
    ) => Effect.Effect<void, Refusal.Refusal>
  }
>() {}

const tooMany = "This caller sends too many requests; send them more slowly"

/** How many callers the pages of a project are together. */
const pagesTogether = 4

const renewalPath = /\/agent-workers\/workers\/[^/?]+\/(?:leases|runs\/[^/?]+\/lease)(?:\?|$)/

const isRenewal = ({ method, url }: HttpServerRequest.HttpServerRequest): boolean =>
  method === "POST" && renewalPath.test(url)

/**
 * Each caller may send `perSecond` requests a second, and at once as many as in one second, but at least one; and as many
 * renewals beside them. The programs of the runs of a worker have together what the worker has, and one of them half of that. So has one page;
 * the pages of a project have together what four callers have.
 */
export const layer = (perSecond: number): Layer.Layer<RateLimit> =>
  perSecond === Infinity
    ? Layer.succeed(RateLimit, { take: () => Effect.void })
    : Layer.sync(RateLimit, () => {
        const buckets = Buckets.make({ perSecond, size: perSecond })
        const halves = Buckets.make({ perSecond: perSecond / 2, size: perSecond / 2 })
        const pages = Buckets.make({ perSecond: perSecond * pagesTogether, size: perSecond * pagesTogether })
        const check = (wait: number) => (wait > 0 ? Effect.fail(Refusal.tooMany(tooMany, wait)) : Effect.void)
        return {
          take: (principal, request) => {
            const caller = callerOf(principal)
            const half = (together: Effect.Effect<number>) =>
              Effect.flatMap(halves.take(caller), (wait) =>
                wait > 0 ? check(wait) : Effect.flatMap(together, check),
              )
            if (principal._tag === "Run") return half(buckets.take(`programs of ${principal.lease.workerId}`))
            if (principal._tag === "Browser") return half(pages.take(pagesOf(principal.projectId)))
            return Effect.flatMap(buckets.take(isRenewal(request) ? `renewals of ${caller}` : caller), check)
          },
        }
      })
