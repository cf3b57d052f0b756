/**
 * Limits the tokens that are not valid, for each address. A token over the limit is refused before its digest is computed
 * and looked up. The refusal is delayed, which slows down a connection that keeps sending.
 *
 * Source: docs/decisions/0018-callers-without-a-valid-token.md
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type { Access } from "@runlease/core"
import { Clock, Effect, Option } from "effect"
import * as Refusal from "../contract/Refusal.js"
import * as Buckets from "./Buckets.js"

/** Tokens that an address may try at once. */
const size = 100

/** Tokens a second that an address may try after that. */
const perSecond = 10

/** The number of valid tokens in the cache. */
const capacity = 50_000

/** The delay of a refusal. A flood of refusals that are answered at once costs other callers as much as a flood of look-ups. */
const delay = "1 second"

// A network does not wait for anybody's Clock: this one is always real.
const networkClock = Clock.make()

const tooMany = "Too many tokens that are not valid come from this address; try again later"

/** An IPv6 address is one of a network that is most often one host's: its first four groups name that. */
const addressKey = (address: string): string => {
  if (!address.includes(":") || address.includes(".")) return address
  const [head = "", tail] = address.split("::")
  const groups = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => "0")
  return groups.concat(zeros, after).slice(0, 4).join(":")
}

type Look<E> = Effect.Effect<Option.Option<Access.Principal>, E>

export interface UnknownCallers {
  /**
   * Runs `look`, which finds the principal of the token. A token that was valid the last time costs its address nothing.
   * Another token takes one try from the address, which gets it back if the token is valid.
   */
  readonly limit: <E>(
    request: HttpServerRequest.HttpServerRequest,
    token: string,
    look: Look<E>,
  ) => Look<E | Refusal.Refusal>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<UnknownCallers> = Effect.sync(() => {
  const buckets = Buckets.make({ perSecond, size })
  // In the order in which they were found valid.
  const valid = new Set<string>()

  const remember = (token: string): void => {
    valid.add(token)
    if (valid.size > capacity) valid.delete(valid.values().next().value!)
  }

  /** Looks at a token that was valid. */
  const lookAgain = <E>(token: string, look: Look<E>): Look<E> =>
    Effect.tap(look, (found) => Effect.sync(() => Option.isNone(found) && valid.delete(token)))

  /** Looks at a token that took one from its address. */
  const lookFirst = <E>(token: string, address: string, look: Look<E>): Look<E> =>
    Effect.tap(look, (found) =>
      Effect.sync(() => {
        if (Option.isNone(found)) return
        remember(token)
        buckets.putBack(address)
      }),
    )

  const refuse = (wait: number): Effect.Effect<never, Refusal.Refusal> =>
    Effect.fail(Refusal.tooMany(tooMany, wait)).pipe(Effect.delay(delay), Effect.withClock(networkClock))

  return {
    limit: <E>(request: HttpServerRequest.HttpServerRequest, token: string, look: Look<E>) =>
      Effect.suspend((): Look<E | Refusal.Refusal> => {
        if (valid.has(token)) return lookAgain(token, look)
        const address = addressKey(Option.getOrElse(request.remoteAddress, () => ""))
        return Effect.flatMap(buckets.take(address), (wait): Look<E | Refusal.Refusal> =>
          wait > 0 ? refuse(wait) : lookFirst(token, address, look),
        )
      }),
  }
})
