/** Access that remembers valid tokens for a while, so that most requests do not read them from the store. */
import type { Access, Principal } from "@runlease/core/Access"
import { Duration, Effect, Option, Redacted } from "effect"
import type { Wakeups } from "../commit/Wakeups.js"

/** How long a token is remembered, which is also the longest that one is accepted when the wake-up of its revocation is lost. */
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
 * The same access, which remembers the valid tokens that it found. A token that ends is refused at once, here and on every server that
 * the wake-ups reach. An invalid token is looked up each time, so a new token is valid at once too.
 */
export const remembering = (
  access: Access["Type"],
  { tokenEnded, tokenEndings }: Pick<Wakeups, "tokenEnded" | "tokenEndings">,
): Access["Type"] => {
  // A whole token is found by its hash or not at all, so the time of a look-up reveals no part of it.
  const remembered = new Map<string, Remembered>()
  /** The endings before the remembered tokens were found. */
  let endings = tokenEndings()

  const revoking = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.ensuring(effect, tokenEnded)

  const find = (token: string, now: bigint): Option.Option<Principal> => {
    const current = tokenEndings()
    if (current !== endings) {
      endings = current
      remembered.clear()
    }
    const found = remembered.get(token)
    return found !== undefined && now < found.until ? found.principal : Option.none()
  }

  const look = Effect.fnUntraced(function* (token: Redacted.Redacted, now: bigint) {
    const before = endings
    const principal = yield* access.authenticate(token)
    // A token that was found while another ended may be the one that ended.
    if (Option.isSome(principal) && before === tokenEndings()) {
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
    rotateSigningKey: (projectId) => revoking(access.rotateSigningKey(projectId)),
    endSession: (token) => revoking(access.endSession(token)),
    authenticate: (token) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeNanos()
        const found = find(Redacted.value(token), now)
        return Option.isSome(found) ? Effect.succeed(found) : look(token, now)
      }),
  }
}
