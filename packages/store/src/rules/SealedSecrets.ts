/**
 * The secrets of an endpoint or of a source of webhooks: the newest, and those before it until they expire.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0142-webhooks-out.md
 */

/** A secret, sealed. `expiresAt` is null for the newest. */
export interface SealedSecret {
  readonly sealed: string
  readonly expiresAt: number | null
}

interface WithSecrets {
  readonly secrets: ReadonlyArray<SealedSecret>
  readonly updatedAt: number
}

const isValid = (secret: SealedSecret, now: number): boolean =>
  secret.expiresAt === null || secret.expiresAt > now

/** The secrets that are valid now. */
export const valid = ({ secrets }: WithSecrets, now: number): ReadonlyArray<SealedSecret> =>
  secrets.filter((secret) => isValid(secret, now))

/** The most secrets that are valid at once. */
const mostSecrets = 3

/** A record with a new secret. The one before is valid until it expires. */
export const rotate = <R extends WithSecrets>(
  record: R,
  sealed: string,
  expiresInSeconds: number,
  now: number,
): R => {
  const expiresAt = now + expiresInSeconds * 1000
  const before = valid(record, now).map((secret) => ({
    sealed: secret.sealed,
    expiresAt: Math.min(secret.expiresAt ?? expiresAt, expiresAt),
  }))
  const secrets = [{ sealed, expiresAt: null }, ...before].slice(0, mostSecrets)
  return { ...record, secrets: secrets.filter((secret) => isValid(secret, now)), updatedAt: now }
}

const daySeconds = 24 * 60 * 60

/** How long a secret stays valid beside its successor, in seconds; the problem of a time that is out of bounds. */
export const overlapOf = (expiresInSeconds = daySeconds): number | { readonly problem: string } =>
  Number.isInteger(expiresInSeconds) && expiresInSeconds >= 0 && expiresInSeconds <= 7 * daySeconds
    ? expiresInSeconds
    : { problem: `must be 0 to ${7 * daySeconds}` }
