/** Sessions of people on SQL: credentials that expire, issued by an API key. */
import type { SqlError } from "@effect/sql/SqlError"
import { Access, type ControlPlaneError, type Ids } from "@runlease/core"
import { Token } from "@runlease/core/store"
import { Duration, Effect, Either } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"

/** Makes an operation whose requests are rare, so each request runs its own statements. */
export interface Each {
  <Request, A, E = never>(
    name: string,
    run: (request: Request, now: number) => Effect.Effect<Either.Either<A, E>, SqlError>,
  ): (request: Request) => Effect.Effect<A, E | ControlPlaneError.ControlPlaneError>
}

/** Until when a credential is valid, in milliseconds of the store's clock. */
export interface Validity {
  readonly revoked_at: number | null
  readonly expires_at: number | null
}

/** Why a key is not valid, where it is not. */
export const endOf = (
  keyId: Ids.KeyId,
  { expires_at, revoked_at }: Validity,
  now: number,
): Access.KeyRevoked | Access.KeyExpired | undefined => {
  if (revoked_at !== null) return new Access.KeyRevoked({ keyId })
  return expires_at !== null && expires_at <= now ? new Access.KeyExpired({ keyId }) : undefined
}

interface KeyRow extends Validity {
  readonly admin: number
}

interface NewSession {
  readonly id: string
  readonly projectId: Ids.ProjectId
  readonly keyId: Ids.KeyId
  readonly digest: string
}

/** @category constructors */
export const make = ({ dialect, sql }: SqlStore, each: Each) => {
  const issueSession = each<NewSession, void, Access.KeyNotFound | Access.KeyRevoked | Access.KeyExpired>(
    "Access.issueSession",
    Effect.fnUntraced(function* ({ digest, id, keyId, projectId }, now) {
      // The row of the key is locked, so a revocation ends the session too.
      const [key] = yield* sql<KeyRow>`SELECT admin, revoked_at, expires_at FROM credentials
        WHERE id = ${keyId} AND project_id = ${projectId} AND worker_id IS NULL AND issued_by IS NULL
        ${dialect.lock("credentials", "id")}`
      if (key === undefined) return Either.left(new Access.KeyNotFound({ keyId }))
      const end = endOf(keyId, key, now)
      if (end !== undefined) return Either.left(end)
      // A key that has expired stays in the list of keys.
      yield* sql`DELETE FROM credentials WHERE expires_at <= ${now} AND issued_by IS NOT NULL`
      yield* sql`INSERT INTO credentials ${sql.insert({
        id,
        project_id: projectId,
        worker_id: null,
        name: null,
        admin: key.admin,
        lookup: Token.lookup(digest),
        digest,
        created_at: now,
        revoked_at: null,
        issued_by: keyId,
        expires_at: Math.min(now + Duration.toMillis(Access.sessionLifetime), key.expires_at ?? Infinity),
      })}`
      return Either.void
    }),
  )

  const endSession = each<{ readonly digest: string }, void>("Access.endSession", ({ digest }) =>
    Effect.as(
      sql`DELETE FROM credentials
        WHERE lookup = ${Token.lookup(digest)} AND digest = ${digest} AND issued_by IS NOT NULL AND worker_id IS NULL`,
      Either.void,
    ),
  )

  return { endSession, issueSession }
}
