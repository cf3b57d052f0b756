/** Who sends a request, by its token or by the application that serves the contract, and how many requests a caller may send. */
import * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Access } from "@runlease/core"
import { Clock, Context, Effect, Either, Layer, Option, Redacted, type Scope } from "effect"
import * as Connection from "../Api/Connection.js"
import {
  Authorization,
  sessionCookie,
  callerOf,
  pagesOf,
  type Share,
  sharesOf,
} from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import { sourceOf } from "./Bodies.js"
import * as SameOrigin from "./SameOrigin.js"
import * as SessionCookie from "./SessionCookie.js"

// Buckets of tokens: each key may do so much at once, and then go on at a steady rate.

export interface Buckets {
  /** Takes one from the bucket of `key`, and returns 0; or takes none, and returns for how many milliseconds to wait. */
  readonly take: (key: string) => Effect.Effect<number>

  /** Puts one back. */
  readonly putBack: (key: string) => void
}

const minute = 60_000

/** Buckets that hold `size` each, and get `perSecond` a second, by the monotonic clock. */
export const makeBuckets = (options: { readonly perSecond: number; readonly size: number }): Buckets => {
  const interval = 1000 / options.perSecond
  const depth = Math.max(1, options.size) * interval
  // When each bucket will be full again, in milliseconds. A full bucket is dropped.
  const fullAt = new Map<string, number>()
  let sweepAt = Number.NEGATIVE_INFINITY

  const sweep = (now: number): void => {
    sweepAt = now + minute
    for (const [key, time] of fullAt) if (time <= now) fullAt.delete(key)
  }

  return {
    take: (key) =>
      Effect.clockWith((clock) => {
        // A wall clock that is set back would refuse every key for as long.
        const now = Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
        if (now >= sweepAt) sweep(now)
        const next = Math.max(fullAt.get(key) ?? now, now) + interval
        const wait = next - now - depth
        if (wait > 0) return Effect.succeed(wait)
        fullAt.set(key, next)
        return Effect.succeed(0)
      }),

    putBack: (key) => {
      const time = fullAt.get(key)
      if (time !== undefined) fullAt.set(key, time - interval)
    },
  }
}

// Limits the requests of each caller. Renewals are limited apart from all else: a worker that sends too much must not lose its leases by that.

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
 * renewals in addition. The programs of the runs of a worker have together what the worker has, and one of them half of that. So has one page;
 * the pages of a project have together what four callers have.
 */
export const rateLimitLayer = (perSecond: number): Layer.Layer<RateLimit> =>
  perSecond === Infinity
    ? Layer.succeed(RateLimit, { take: () => Effect.void })
    : Layer.sync(RateLimit, () => {
        const buckets = makeBuckets({ perSecond, size: perSecond })
        const halves = makeBuckets({ perSecond: perSecond / 2, size: perSecond / 2 })
        const pages = makeBuckets({ perSecond: perSecond * pagesTogether, size: perSecond * pagesTogether })
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

// Limits the requests that are open at once: each stream and each wait takes memory until it ends.

export class OpenRequests extends Context.Tag("@runlease/http/server/OpenRequests")<
  OpenRequests,
  {
    /** Counts a request of the principal until the Scope closes. Refuses it when the principal has as many open as it may. */
    readonly hold: (principal: Access.Principal) => Effect.Effect<void, Refusal.Refusal, Scope.Scope>
  }
>() {}

const all: Share = { name: "all", part: 1 }

const tooManyOpen = "Too many requests of this caller, or of its project, wait or stream; end some of them"

/**
 * All callers may have `total` requests open, and each its share of that. Those of workers are not counted: they have one each, and a
 * page must not keep a worker from its claims.
 */
export const openRequestsLayer = (total: number): Layer.Layer<OpenRequests> =>
  Layer.sync(OpenRequests, () => {
    const open = new Map<string, number>()
    const count = (shares: ReadonlyArray<Share>, by: number): void => {
      for (const { name } of shares) {
        const sum = (open.get(name) ?? 0) + by
        if (sum > 0) open.set(name, sum)
        else open.delete(name)
      }
    }
    return {
      hold: (principal) => {
        if (principal._tag === "Worker") return Effect.void
        const shares = [...sharesOf(principal), all]
        for (const { name, part } of shares) {
          if ((open.get(name) ?? 0) >= Math.floor(total * part))
            return Effect.fail(Refusal.tooMany(tooManyOpen, 1000))
        }
        count(shares, 1)
        return Effect.addFinalizer(() => Effect.sync(() => count(shares, -1)))
      },
    }
  })

// Limits the tokens that are not valid, for each address. A token over the limit is refused before its digest is computed and looked up. The
// refusal is delayed, which slows down a connection that keeps sending.
//
// Source: docs/decisions/0018-callers-without-a-valid-token.md

/** Tokens that an address may try at once. */
const triesAtOnce = 100

/** Tokens a second that an address may try after that. */
const triesPerSecond = 10

/** The number of valid tokens in the cache. */
const capacity = 50_000

/** The delay of a refusal. A flood of refusals that are answered at once costs other callers as much as a flood of look-ups. */
const delay = "1 second"

// A network does not wait for anybody's Clock: this one is always real.
const networkClock = Clock.make()

const tooManyTokens = "Too many tokens that are not valid come from this address; try again later"

/** An IPv6 address is one of a network that is most often one host's: its first four groups name that. */
const addressKey = (address: string): string => {
  if (!address.includes(":") || address.includes(".")) return address
  const [head = "", tail] = address.split("::")
  const groups = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => "0")
  return groups.concat(zeros, after).slice(0, 4).join(":")
}

type Look<A, E> = Effect.Effect<Option.Option<A>, E>

export interface UnknownCallers {
  /**
   * `look`, which finds what the token is, within the limit; run at once. A token that was valid the last time costs its address nothing.
   * Another token takes one try from the address, which gets it back if the token is valid.
   */
  readonly limit: <A, E>(
    request: HttpServerRequest.HttpServerRequest,
    token: string,
    look: Look<A, E>,
  ) => Look<A, E | Refusal.Refusal>
}

export const makeUnknownCallers: Effect.Effect<UnknownCallers> = Effect.sync(() => {
  const buckets = makeBuckets({ perSecond: triesPerSecond, size: triesAtOnce })
  // In the order in which they were found valid.
  const valid = new Set<string>()

  const remember = (token: string): void => {
    valid.add(token)
    if (valid.size > capacity) valid.delete(valid.values().next().value!)
  }

  /** Looks at a token that took one from its address. */
  const lookFirst = <A, E>(token: string, address: string, look: Look<A, E>): Look<A, E> =>
    Effect.tap(look, (found) =>
      Effect.sync(() => {
        if (Option.isNone(found)) return
        remember(token)
        buckets.putBack(address)
      }),
    )

  const refuse = (wait: number): Effect.Effect<never, Refusal.Refusal> =>
    Effect.fail(Refusal.tooMany(tooManyTokens, wait)).pipe(
      Effect.delay(delay),
      Effect.withClock(networkClock),
    )

  return {
    limit: <A, E>(
      request: HttpServerRequest.HttpServerRequest,
      token: string,
      look: Look<A, E>,
    ): Look<A, E | Refusal.Refusal> => {
      if (valid.has(token)) {
        return Effect.map(look, (found) => {
          if (Option.isNone(found)) valid.delete(token)
          return found
        })
      }
      const address = addressKey(Option.getOrElse(request.remoteAddress, () => ""))
      return Effect.flatMap(buckets.take(address), (wait): Look<A, E | Refusal.Refusal> =>
        wait > 0 ? refuse(wait) : lookFirst(token, address, look),
      )
    },
  }
})

// Finds the principal that sends a request, by its token or by the application that serves the contract.

/** Identifies the principal of a request. A request without one is answered 401. */
export class Authentication extends Context.Tag("@runlease/http/Authentication")<
  Authentication,
  {
    readonly identify: (
      request: HttpServerRequest.HttpServerRequest,
    ) => Effect.Effect<Option.Option<Access.Principal>, Refusal.Refusal>
  }
>() {}

const bearer = /^bearer +(\S+)$/i

/** The token of a request: a bearer token, or an API key in a separate header. */
const tokenOf = ({ headers }: HttpServerRequest.HttpServerRequest): Option.Option<string> => {
  const authorization = headers["authorization"]
  const token = authorization === undefined ? headers["x-api-key"] : bearer.exec(authorization)?.[1]
  return token === undefined || token === "" ? Option.none() : Option.some(token)
}

/** The token of a session, for a request from a page of this server. */
const tokenOfSession = (
  request: HttpServerRequest.HttpServerRequest,
): Effect.Effect<Option.Option<string>, Refusal.Refusal> => {
  const session = SessionCookie.read(request)
  return Option.isNone(session) ? Effect.succeedNone : Effect.as(SameOrigin.check(request), session)
}

/**
 * Identifies principals by the tokens of the control plane. Each address may try a limited number of tokens that are not
 * valid. A custom authentication falls back to this one for workers, which get their tokens here when they register.
 */
export const authenticateByToken: Effect.Effect<
  Context.Tag.Service<Authentication>,
  never,
  Access.Access
> = Effect.gen(function* () {
  const access = yield* Access.Access
  const unknownCallers = yield* makeUnknownCallers
  return {
    identify: Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { authorization, "x-api-key": apiKey } = request.headers
      const token =
        (authorization ?? apiKey) === undefined ? yield* tokenOfSession(request) : tokenOf(request)
      if (Option.isNone(token)) return Option.none()
      return yield* unknownCallers.limit(
        request,
        token.value,
        Effect.mapError(access.authenticate(Redacted.make(token.value)), Verdicts.encode),
      )
    }),
  }
})

export const authenticationLayer: Layer.Layer<Authentication, never, Access.Access> = Layer.effect(
  Authentication,
  authenticateByToken,
)

/** The request with the token in its header that a WebSocket offers as a subprotocol. */
export const withOffered = (
  request: HttpServerRequest.HttpServerRequest,
): HttpServerRequest.HttpServerRequest => {
  const { authorization, "sec-websocket-protocol": protocols, "x-api-key": apiKey } = request.headers
  if (protocols === undefined || (authorization ?? apiKey) !== undefined) return request
  const token = Connection.tokenIn(protocols)
  return token === undefined
    ? request
    : request.modify({ headers: Headers.set(request.headers, "authorization", `Bearer ${token}`) })
}

// The caller of a request, found once.

/** The refusal of a request that has no token, or one that is not valid. */
export const unauthorized = ({ cookies, headers }: HttpServerRequest.HttpServerRequest) =>
  Refusal.unauthorized(
    headers["authorization"] !== undefined || headers["x-api-key"] !== undefined
      ? "The token is not valid, or was revoked"
      : cookies[sessionCookie] === undefined
        ? "Send a token: Authorization: Bearer <token>"
        : "The session has ended; sign in again",
  )

/**
 * Finds the caller of a request. A request has one answer: its second look costs no second token and no second request of
 * the caller's rate.
 */
export class Callers extends Context.Tag("@runlease/http/server/Callers")<
  Callers,
  {
    readonly of: (
      request: HttpServerRequest.HttpServerRequest,
    ) => Effect.Effect<Access.Principal, Refusal.Refusal>

    /** The caller of a request, where it was found. */
    readonly identified: (request: HttpServerRequest.HttpServerRequest) => Access.Principal | undefined
  }
>() {}

export const layer: Layer.Layer<Callers, never, Authentication | RateLimit> = Layer.effect(
  Callers,
  Effect.gen(function* () {
    const authentication = yield* Authentication
    const rateLimit = yield* RateLimit
    // Routing may replace a request, but not its source.
    const answers = new WeakMap<object, Either.Either<Access.Principal, Refusal.Refusal>>()

    const identify = Effect.fnUntraced(function* (sent: HttpServerRequest.HttpServerRequest) {
      const request = withOffered(sent)
      const found = yield* authentication.identify(request)
      if (Option.isNone(found)) return yield* unauthorized(request)
      yield* rateLimit.take(found.value, request)
      return found.value
    })

    const remember = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const answer = yield* Effect.either(identify(request))
      answers.set(sourceOf(request), answer)
      return yield* answer
    })

    return {
      of: (request) => answers.get(sourceOf(request)) ?? remember(request),
      identified: (request) => {
        const answer = answers.get(sourceOf(request))
        return answer && Option.getOrUndefined(Either.getRight(answer))
      },
    }
  }),
)

/** Finds the caller of a request before its handler, and counts the request until it is answered whole. */
export const middleware: Layer.Layer<Authorization, never, Callers | OpenRequests> = Layer.effect(
  Authorization,
  Effect.map(Effect.all([Callers, OpenRequests]), ([callers, open]) => {
    const authenticate = Effect.tap(
      Effect.flatMap(HttpServerRequest.HttpServerRequest, callers.of),
      (principal) => open.hold(principal),
    )
    // Each scheme looks at both headers and the cookie: with one each, the next would hide why the first one failed.
    return Authorization.of({
      bearer: () => authenticate,
      apiKey: () => authenticate,
      session: () => authenticate,
    })
  }),
)
