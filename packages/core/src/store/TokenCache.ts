/**
 * Access that knows a token again for a while, so that not every request asks the store whose it is.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Option, Redacted } from "effect"
import type { Access, Principal } from "../ports/Access.js"

/** How long a token is known, and so how long a revocation by another server of the store takes to count here. */
export const timeToLive = Duration.seconds(5)

const timeToLiveNanos = Duration.unsafeToNanos(timeToLive)

/** How many tokens are known at once. */
const capacity = 10_000

interface Known {
  readonly principal: Option.Some<Principal>
  /** On the monotonic clock, in nanoseconds: a wall clock that is set back keeps no revoked token valid. */
  readonly until: bigint
}

/**
 * The same access, which knows the tokens that it found again. What it revokes is refused at once. A token that is refused
 * is looked up each time, so that a new one is valid at once too.
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

  const look = Effect.fnUntraced(function* (token: Redacted.Redacted, now: bigint) {
    const before = revocations
    const principal = yield* access.authenticate(token)
    // What was found while something was revoked may be that.
    if (Option.isSome(principal) && revocations === before) {
      if (known.size >= capacity) known.clear()
      known.set(Redacted.value(token), { principal, until: now + timeToLiveNanos })
    }
    return principal
  })

  return {
    ...access,
    revokeKey: (projectId, keyId) => revoking(access.revokeKey(projectId, keyId)),
    issueWorkerToken: (options) => revoking(access.issueWorkerToken(options)),
    revokeWorkerTokens: (worker) => revoking(access.revokeWorkerTokens(worker)),
    authenticate: (token) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeNanos()
        const found = known.get(Redacted.value(token))
        return found !== undefined && now < found.until ? Effect.succeed(found.principal) : look(token, now)
      }),
  }
}
