/**
 * Access that knows a token again for a while, so that not every request asks the store whose it is.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Option, Redacted } from "effect"
import type { Access, Principal } from "./Access.js"

/** How long a token is known: what a revocation elsewhere, in the same store, takes at most to be heard here. */
export const timeToLive = Duration.seconds(5)

/** How many tokens are known at once. */
const capacity = 10_000

interface Known {
  readonly principal: Option.Some<Principal>
  readonly until: number
}

/**
 * The same access, with the tokens that it found known again. What is revoked by it is nobody's at once. Tokens that
 * are nobody's are asked for each time, so that a new one is valid at once too.
 *
 * @since 0.1.0
 * @category constructors
 */
export const remembering = (access: Access["Type"]): Access["Type"] => {
  // A whole token is found by its hash or not at all, so the time that it takes tells nothing of a part.
  const known = new Map<string, Known>()
  let revocations = 0

  const revoking = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.ensuring(
      effect,
      Effect.sync(() => {
        revocations += 1
        known.clear()
      }),
    )

  const look = Effect.fnUntraced(function* (token: Redacted.Redacted, now: number) {
    const before = revocations
    const principal = yield* access.authenticate(token)
    // What was found while something was revoked may be that.
    if (Option.isSome(principal) && revocations === before) {
      if (known.size >= capacity) known.clear()
      known.set(Redacted.value(token), { principal, until: now + Duration.toMillis(timeToLive) })
    }
    return principal
  })

  return {
    ...access,
    revokeKey: (projectId, keyId) => revoking(access.revokeKey(projectId, keyId)),
    issueWorkerToken: (options) => revoking(access.issueWorkerToken(options)),
    revokeWorkerTokens: (worker) => revoking(access.revokeWorkerTokens(worker)),
    authenticate: (token) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const found = known.get(Redacted.value(token))
        return found !== undefined && now < found.until ? Effect.succeed(found.principal) : look(token, now)
      }),
  }
}
