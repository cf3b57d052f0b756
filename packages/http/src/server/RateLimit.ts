/**
 * How many requests each caller may send: a bucket of tokens for each, which fills at a steady rate.
 *
 * @since 0.1.0
 */
import type { Access } from "@runlease/core"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Refusal from "../Refusal.js"

export class RateLimit extends Context.Tag("@runlease/http/server/RateLimit")<
  RateLimit,
  { readonly take: (principal: Access.Principal) => Effect.Effect<void, Refusal.Refusal> }
>() {}

const tooMany = (waitMillis: number) =>
  new Refusal.Refusal({
    httpStatus: 429,
    body: {
      error: "too_many_requests",
      detail: "This caller sends too many requests; send them more slowly",
    },
    headers: { "retry-after": String(Math.max(1, Math.ceil(waitMillis / 1000))) },
  })

/** A wall clock that is set back would refuse every caller for as long. */
const monotonicMillis = Effect.clockWith((clock) =>
  Effect.succeed(Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)),
)

/** Each caller may send `perSecond` requests a second, and at once as many as in one second, but at least one. */
export const layer = (perSecond: number): Layer.Layer<RateLimit> =>
  perSecond === Infinity
    ? Layer.succeed(RateLimit, { take: () => Effect.void })
    : Layer.scoped(
        RateLimit,
        Effect.gen(function* () {
          const interval = 1000 / perSecond
          const depth = Math.max(1000, interval)
          // When each caller's bucket will be full again, in milliseconds. One that is full need not be kept.
          const fullAt = new Map<string, number>()

          yield* monotonicMillis.pipe(
            Effect.map((now) => {
              for (const [caller, time] of fullAt) if (time <= now) fullAt.delete(caller)
            }),
            Effect.repeat(Schedule.spaced("1 minute")),
            Effect.forkScoped,
          )

          return {
            take: (principal) =>
              Effect.flatMap(monotonicMillis, (now) => {
                const caller = principal._tag === "ApiKey" ? principal.keyId : principal.workerId
                const next = Math.max(fullAt.get(caller) ?? now, now) + interval
                if (next - now > depth) return Effect.fail(tooMany(next - now - depth))
                fullAt.set(caller, next)
                return Effect.void
              }),
          }
        }),
      )
