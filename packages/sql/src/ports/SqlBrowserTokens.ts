/** Tokens for browsers on SQL: only the key that signs those of a project is stored. */
import { Access, BrowserToken, type Ids } from "@runlease/core"
import { Token } from "@runlease/core/store"
import { DateTime, Effect, Either, Option, Redacted } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"
import * as SqlSessions from "./SqlSessions.js"

/** What the signature of a token depends on. An issuer that the store does not have, or that is absent, has no end. */
interface Row extends SqlSessions.Validity {
  readonly signing_key: string | null
}

interface NewKey {
  readonly projectId: Ids.ProjectId
  readonly signingKey: string
}

/** @category constructors */
export const make = (store: SqlStore, each: SqlSessions.Each) => {
  const { dialect, sql } = store

  const find = (operation: string, projectId: Ids.ProjectId, issuedBy: Ids.KeyId | undefined) =>
    store.read(
      operation,
      Effect.zip(
        Effect.map(
          sql<Row>`SELECT p.signing_key, c.revoked_at, c.expires_at FROM projects p
            LEFT JOIN credentials c ON c.id = ${issuedBy ?? null} AND c.worker_id IS NULL AND c.issued_by IS NULL
            WHERE p.id = ${projectId}`,
          ([row]) => row,
        ),
        dialect.now,
      ),
    )

  /** The key of a project that has none is the new one; the first of several at once. */
  const ensureKey = each<NewKey, string, Access.ProjectNotFound>(
    "Access.issueBrowserToken",
    Effect.fnUntraced(function* ({ projectId, signingKey }) {
      const [row] = yield* sql<{ readonly signing_key: string }>`UPDATE projects
        SET signing_key = COALESCE(signing_key, ${signingKey}) WHERE id = ${projectId} RETURNING signing_key`
      return row === undefined
        ? Either.left(new Access.ProjectNotFound({ reference: projectId }))
        : Either.right(row.signing_key)
    }),
  )

  const rotate = each<NewKey, void, Access.ProjectNotFound>(
    "Access.rotateSigningKey",
    Effect.fnUntraced(function* ({ projectId, signingKey }) {
      const rows =
        yield* sql`UPDATE projects SET signing_key = ${signingKey} WHERE id = ${projectId} RETURNING id`
      return rows.length === 0
        ? Either.left(new Access.ProjectNotFound({ reference: projectId }))
        : Either.void
    }),
  )

  const issueBrowserToken: Access.Access["Type"]["issueBrowserToken"] = Effect.fnUntraced(function* ({
    expiresIn,
    ...grant
  }) {
    const { issuedBy, projectId } = grant
    const [row, now] = yield* find("Access.issueBrowserToken", projectId, issuedBy)
    if (row === undefined) return yield* new Access.ProjectNotFound({ reference: projectId })
    const end = issuedBy && SqlSessions.endOf(issuedBy, row, now)
    if (end) return yield* end
    const signingKey =
      row.signing_key ?? (yield* ensureKey({ projectId, signingKey: yield* Token.randomBits }))
    const expiresAt = BrowserToken.expiryOf(now, expiresIn, row.expires_at ?? undefined)
    return {
      token: yield* BrowserToken.sign(Redacted.make(signingKey), { ...grant, expiresAt }),
      expiresAt: DateTime.unsafeMake(expiresAt),
    }
  })

  const rotateSigningKey: Access.Access["Type"]["rotateSigningKey"] = (projectId) =>
    Effect.flatMap(Token.randomBits, (signingKey) => rotate({ projectId, signingKey }))

  return { issueBrowserToken, rotateSigningKey }
}

/**
 * Finds the browser that a token names, where its project has signed it.
 *
 * @category constructors
 */
export const authentication =
  ({ dialect, read, sql }: SqlStore) =>
  ({ grant, isSignedWith }: BrowserToken.Signed) => {
    const { expiresAt, issuedBy, projectId } = grant
    return Effect.map(
      read(
        "Access.authenticate",
        Effect.flatMap(
          dialect.instant,
          (now) => sql<{ readonly signing_key: string | null }>`SELECT p.signing_key FROM projects p
            LEFT JOIN credentials c ON c.id = ${issuedBy ?? null} AND c.worker_id IS NULL AND c.issued_by IS NULL
            WHERE p.id = ${projectId} AND CAST(${now} AS BIGINT) < ${expiresAt} AND c.revoked_at IS NULL
            AND (c.expires_at IS NULL OR c.expires_at > ${now})`,
        ),
      ),
      ([row]): Option.Option<Access.Principal> =>
        row?.signing_key != null && isSignedWith(row.signing_key)
          ? Option.some({ _tag: "Browser", grant, projectId })
          : Option.none(),
    )
  }
