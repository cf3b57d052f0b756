/**
 * Access that remembers valid tokens for a while, so that most requests do not read them from the store.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Option, Redacted } from "effect"
import type { Access, Principal } from "../ports/Access.js"

/** How long a token is remembered, which is also the longest time until a revocation by another server takes effect here. */
export const timeToLive = Duration.seconds(5)

const timeToLiveNanos = Duration.unsafeToNanos(timeToLive)

/** The largest number of remembered tokens. */
const capacity = 10_000

interface Remembered {
  readonly principal: Option.Some<Principal>
  /** On the monotonic clock, in nanoseconds, so setting the wall clock back does not prolong a revoked token. */
  readonly until: bigint
}

/**
 * The same access, which remembers the valid tokens that it found. A token that it revokes is refused at once. An invalid
 * token is looked up each time, so a new token is valid at once too.
 *
 * @since 0.1.0
 * @category constructors
 */
export const remembering = (access: Access["Type"]): Access["Type"] => {
  // A whole token is found by its hash or not at all, so the time of a look-up reveals no part of it.
  const remembered = new Map<string, Remembered>()
  let revocations = 0

  const revoking = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.ensuring(
      effect,
      Effect.sync(() => {
        revocations += 1
        remembered.clear()
      }),
    )

  const look = Effect.fnUntraced(function* (token: Redacted.Redacted, now: bigint) {
    const before = revocations
    const principal = yield* access.authenticate(token)
    // A token that was found during a revocation may be the revoked one.
    if (Option.isSome(principal) && revocations === before) {
      if (remembered.size >= capacity) remembered.clear()
      remembered.set(Redacted.value(token), { principal, until: now + timeToLiveNanos })
    }
    return principal
  })

  return {
    ...access,
    revokeKey: (projectId, keyId) => revoking(access.revokeKey(projectId, keyId)),
    issueWorkerToken: (options) => revoking(access.issueWorkerToken(options)),
    revokeWorkerTokens: (worker) => revoking(access.revokeWorkerTokens(worker)),
    endSession: (token) => revoking(access.endSession(token)),
    authenticate: (token) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeNanos()
        const found = remembered.get(Redacted.value(token))
        return found !== undefined && now < found.until ? Effect.succeed(found.principal) : look(token, now)
      }),
  }
}
