/** Access on SQL. Only the digest of a token is stored. */
import type { SqlError } from "@effect/sql/SqlError"
import {
  Access,
  BrowserToken,
  CallbackToken,
  type ControlPlaneError,
  Ids,
  RunToken,
  Token,
  WorkerRegistry,
} from "@runlease/core"
import { DateTime, Duration, Effect, Either, Function, Option, Redacted } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"

/** Makes an operation whose requests are rare, so each request runs its own statements. */
interface Each {
  <Request, A, E = never>(
    name: string,
    run: (request: Request, now: number) => Effect.Effect<Either.Either<A, E>, SqlError>,
  ): (request: Request) => Effect.Effect<A, E | ControlPlaneError.ControlPlaneError>
}

/** Until when a credential is valid, in milliseconds of the store's clock. */
interface Validity {
  readonly revoked_at: number | null
  readonly expires_at: number | null
}

/** Why a key is not valid, where it is not. */
const endOf = (
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

/** Sessions are credentials that expire, issued by an API key. */
const makeSessions = ({ dialect, sql }: SqlStore, each: Each) => {
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

/** What the signature of a token depends on. An issuer that the store does not have, or that is absent, has no end. */
interface SigningRow extends Validity {
  readonly signing_key: string | null
}

interface NewSigningKey {
  readonly projectId: Ids.ProjectId
  readonly signingKey: string
}

/** Tokens for browsers and callbacks: only the key that signs those of a project is stored. */
const makeBrowserTokens = (store: SqlStore, each: Each) => {
  const { dialect, sql } = store

  const find = (operation: string, projectId: Ids.ProjectId, issuedBy: Ids.KeyId | undefined) =>
    store.read(
      operation,
      Effect.zip(
        Effect.map(
          sql<SigningRow>`SELECT p.signing_key, c.revoked_at, c.expires_at FROM projects p
            LEFT JOIN credentials c ON c.id = ${issuedBy ?? null} AND c.worker_id IS NULL AND c.issued_by IS NULL
            WHERE p.id = ${projectId}`,
          ([row]) => row,
        ),
        dialect.now,
      ),
    )

  /** The key of a project that has none is the new one; the first of several at once. */
  const ensureKey = each<NewSigningKey, string, Access.ProjectNotFound>(
    "Access.issueBrowserToken",
    Effect.fnUntraced(function* ({ projectId, signingKey }) {
      const [row] = yield* sql<{ readonly signing_key: string }>`UPDATE projects
        SET signing_key = COALESCE(signing_key, ${signingKey}) WHERE id = ${projectId} RETURNING signing_key`
      return row === undefined
        ? Either.left(new Access.ProjectNotFound({ reference: projectId }))
        : Either.right(row.signing_key)
    }),
  )

  const rotate = each<NewSigningKey, void, Access.ProjectNotFound>(
    "Access.rotateSigningKey",
    Effect.fnUntraced(function* ({ projectId, signingKey }) {
      const rows =
        yield* sql`UPDATE projects SET signing_key = ${signingKey} WHERE id = ${projectId} RETURNING id`
      return rows.length === 0
        ? Either.left(new Access.ProjectNotFound({ reference: projectId }))
        : Either.void
    }),
  )

  /** The key of a project for a token that is made now, and when the API key that makes it ends. */
  const signing = Effect.fnUntraced(function* (
    operation: string,
    { issuedBy, projectId }: { readonly projectId: Ids.ProjectId; readonly issuedBy?: Ids.KeyId | undefined },
  ) {
    const [row, now] = yield* find(operation, projectId, issuedBy)
    if (row === undefined) return yield* new Access.ProjectNotFound({ reference: projectId })
    const end = issuedBy && endOf(issuedBy, row, now)
    if (end) return yield* end
    const signingKey =
      row.signing_key ?? (yield* ensureKey({ projectId, signingKey: yield* Token.randomBits }))
    return { signingKey, now, issuerExpiry: row.expires_at ?? undefined }
  })

  const issueBrowserToken: Access.Access["Type"]["issueBrowserToken"] = Effect.fnUntraced(function* ({
    expiresIn,
    ...grant
  }) {
    const { issuerExpiry, now, signingKey } = yield* signing("Access.issueBrowserToken", grant)
    const expiresAt = BrowserToken.expiryOf(now, expiresIn, issuerExpiry)
    return {
      token: yield* BrowserToken.sign(Redacted.make(signingKey), { ...grant, expiresAt }),
      expiresAt: DateTime.unsafeMake(expiresAt),
    }
  })

  const issueCallback: Access.Access["Type"]["issueCallback"] = Effect.fnUntraced(function* ({
    expiresIn,
    ...claim
  }) {
    const { issuerExpiry, now, signingKey } = yield* signing("Access.issueCallback", claim)
    const expiresAt = CallbackToken.expiryOf(now, expiresIn, issuerExpiry)
    return {
      token: CallbackToken.sign(signingKey, { ...claim, expiresAt }),
      expiresAt: DateTime.unsafeMake(expiresAt),
    }
  })

  const findCallback: Access.Access["Type"]["findCallback"] = (token) =>
    Option.match(CallbackToken.read(token), {
      onNone: () => Effect.succeedNone,
      onSome: ({ claim, isSignedWith }) =>
        Effect.map(find("Access.findCallback", claim.projectId, claim.issuedBy), ([row, now]) =>
          row?.signing_key != null &&
          isSignedWith(row.signing_key) &&
          row.revoked_at === null &&
          (row.expires_at === null || row.expires_at > now)
            ? Option.some({ claim, expired: claim.expiresAt <= now })
            : Option.none(),
        ),
    })

  const rotateSigningKey: Access.Access["Type"]["rotateSigningKey"] = (projectId) =>
    Effect.flatMap(Token.randomBits, (signingKey) => rotate({ projectId, signingKey }))

  return { findCallback, issueBrowserToken, issueCallback, rotateSigningKey }
}

/** Finds the browser that a token names, where its project has signed it. */
const authentication =
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

interface PrincipalRow {
  readonly id: Ids.KeyId
  readonly project_id: Ids.ProjectId
  readonly worker_id: Ids.WorkerId | null
  readonly issued_by: Ids.KeyId | null
  readonly admin: number
  readonly digest: string
}

/** A session is the key that issued it. */
const toPrincipal = (row: PrincipalRow): Access.Principal =>
  row.worker_id === null
    ? { _tag: "ApiKey", keyId: row.issued_by ?? row.id, projectId: row.project_id, admin: row.admin === 1 }
    : { _tag: "Worker", workerId: row.worker_id, projectId: row.project_id }

const makeAuthentication = (store: SqlStore): Access.Access["Type"]["authenticate"] => {
  const { dialect, read, sql } = store
  const browser = authentication(store)

  const valid = (column: "lookup" | "worker_id", value: string) =>
    read(
      "Access.authenticate",
      Effect.flatMap(
        dialect.instant,
        (
          now,
        ) => sql<PrincipalRow>`SELECT * FROM credentials WHERE ${sql(column)} = ${value} AND revoked_at IS NULL
          AND (expires_at IS NULL OR expires_at > ${now})`,
      ),
    )

  /** The run that a token names, where a valid token of its worker has signed it. */
  const run = ({ isSignedWith, lease }: RunToken.Signed) =>
    Effect.map(valid("worker_id", lease.workerId), (rows) =>
      Option.map(
        Option.fromNullable(rows.find(({ digest }) => isSignedWith(digest))),
        (row): Access.Principal => ({ _tag: "Run", lease, projectId: row.project_id }),
      ),
    )

  // The index has only a part of the digest; the rest is compared in constant time.
  const other = (digest: string) =>
    Effect.map(valid("lookup", Token.lookup(digest)), (rows) =>
      Option.map(Option.fromNullable(rows.find((row) => Token.equal(row.digest, digest))), toPrincipal),
    )

  return (token) =>
    Option.match(RunToken.read(token), {
      onNone: () =>
        Option.match(BrowserToken.read(token), {
          onNone: () => Effect.flatMap(Token.digest(token), other),
          onSome: browser,
        }),
      onSome: run,
    })
}

/** The number of tokens of one worker that are valid at once. */
const tokensPerWorker = 2

interface ProjectRow {
  readonly id: Ids.ProjectId
  readonly slug: string
  readonly created_at: number
}

interface CredentialRow {
  readonly id: Ids.KeyId
  readonly project_id: Ids.ProjectId
  readonly worker_id: Ids.WorkerId | null
  readonly issued_by: Ids.KeyId | null
  readonly name: string | null
  readonly admin: number
  readonly digest: string
  readonly created_at: number
  readonly revoked_at: number | null
  readonly expires_at: number | null
}

const toProject = ({ id, slug, created_at }: ProjectRow): Access.Project => ({
  id,
  slug,
  createdAt: DateTime.unsafeMake(created_at),
})

const toKey = (row: CredentialRow): Access.ApiKey => ({
  id: row.id,
  projectId: row.project_id,
  name: row.name ?? "",
  admin: row.admin === 1,
  createdAt: DateTime.unsafeMake(row.created_at),
  revokedAt: row.revoked_at === null ? null : DateTime.unsafeMake(row.revoked_at),
  expiresAt: row.expires_at === null ? null : DateTime.unsafeMake(row.expires_at),
})

interface NewKey {
  readonly id: string
  readonly projectId: Ids.ProjectId
  readonly name: string
  readonly admin: boolean
  readonly digest: string
  /** Milliseconds from now. */
  readonly expiresIn: number | undefined
}

interface WorkerRef {
  readonly projectId: Ids.ProjectId
  readonly workerId: Ids.WorkerId
}

interface NewWorkerToken extends WorkerRef {
  readonly id: string
  readonly digest: string
  readonly issuedBy: Ids.KeyId | undefined
}

export const make = (store: SqlStore): Access.Access["Type"] => {
  const { sql, dialect, writer } = store

  const each: Each = <Request, A, E = never>(
    name: string,
    run: (request: Request, now: number) => Effect.Effect<Either.Either<A, E>, SqlError>,
  ) =>
    writer.operation<Request, A, A, E>({
      name,
      decide: (requests, { now }) => Effect.forEach(requests, (request) => run(request, now)),
      answer: Function.identity,
    })

  const findProject = (reference: string) =>
    Effect.map(
      sql<ProjectRow>`SELECT id, slug, created_at FROM projects WHERE id = ${reference}
        UNION ALL SELECT id, slug, created_at FROM projects WHERE slug = ${reference}`,
      ([row]) => row,
    )

  const createProject = each<
    { readonly id: string; readonly slug: string },
    Access.Project,
    Access.ProjectExists
  >("Access.createProject", ({ id, slug }, now) =>
    Effect.map(
      sql<ProjectRow>`INSERT INTO projects ${sql.insert({ id, slug, created_at: now })}
        ON CONFLICT (slug) DO NOTHING RETURNING id, slug, created_at`,
      ([row]) =>
        row === undefined ? Either.left(new Access.ProjectExists({ slug })) : Either.right(toProject(row)),
    ),
  )

  const createKey = each<
    NewKey,
    Access.ApiKey,
    Access.ProjectNotFound | Access.KeyRevoked | Access.KeyExpired
  >(
    "Access.createKey",
    Effect.fnUntraced(function* ({ id, projectId, name, admin, digest, expiresIn }, now) {
      const project = yield* findProject(projectId)
      if (project?.id !== projectId) {
        return Either.left(new Access.ProjectNotFound({ reference: projectId }))
      }
      const [row] = yield* sql<CredentialRow>`INSERT INTO credentials ${sql.insert({
        id,
        project_id: projectId,
        worker_id: null,
        name,
        admin: admin ? 1 : 0,
        lookup: Token.lookup(digest),
        digest,
        created_at: now,
        revoked_at: null,
        expires_at: expiresIn === undefined ? null : now + expiresIn,
      })} ON CONFLICT (digest) DO UPDATE SET revoked_at = credentials.revoked_at RETURNING *`
      const end = endOf(row!.id, row!, now)
      return end === undefined ? Either.right(toKey(row!)) : Either.left(end)
    }),
  )

  const revokeKey = each<
    { readonly projectId: Ids.ProjectId; readonly keyId: Ids.KeyId },
    Access.ApiKey,
    Access.KeyNotFound
  >(
    "Access.revokeKey",
    Effect.fnUntraced(function* ({ projectId, keyId }, now) {
      const [row] = yield* sql<CredentialRow>`UPDATE credentials SET revoked_at = COALESCE(revoked_at, ${now})
        WHERE id = ${keyId} AND project_id = ${projectId} AND worker_id IS NULL AND issued_by IS NULL RETURNING *`
      if (row === undefined) return Either.left(new Access.KeyNotFound({ keyId }))
      // The row of the key is locked, so no token of it can be issued after this.
      yield* sql`UPDATE credentials SET revoked_at = ${now} WHERE issued_by = ${keyId} AND revoked_at IS NULL`
      return Either.right(toKey(row))
    }),
  )

  /** When the key ends, where the store has it. Its row stays locked, so it cannot be revoked before the commit. */
  const findIssuer = (keyId: Ids.KeyId) =>
    Effect.map(
      sql<Validity>`SELECT revoked_at, expires_at FROM credentials
        WHERE id = ${keyId} ${dialect.lock("credentials", "id")}`,
      ([row]) => row,
    )

  const issueWorkerToken = each<NewWorkerToken, void, Access.KeyRevoked | Access.KeyExpired>(
    "Access.issueWorkerToken",
    Effect.fnUntraced(function* ({ id, projectId, workerId, digest, issuedBy }, now) {
      const issuer = issuedBy === undefined ? undefined : yield* findIssuer(issuedBy)
      const end = issuedBy && issuer && endOf(issuedBy, issuer, now)
      if (end) return Either.left(end)
      yield* sql`INSERT INTO credentials ${sql.insert({
        id,
        project_id: projectId,
        worker_id: workerId,
        name: null,
        admin: 0,
        lookup: Token.lookup(digest),
        digest,
        created_at: now,
        revoked_at: null,
        issued_by: issuedBy ?? null,
        expires_at: issuer?.expires_at ?? null,
      })}`
      yield* sql`DELETE FROM credentials WHERE worker_id = ${workerId} AND credential_pk NOT IN (
        SELECT credential_pk FROM credentials WHERE worker_id = ${workerId}
        ORDER BY credential_pk DESC LIMIT ${tokensPerWorker}
      )`
      return Either.void
    }),
  )

  const revokeWorkerTokens = each<WorkerRef, number, WorkerRegistry.WorkerNotFound>(
    "Access.revokeWorkerTokens",
    Effect.fnUntraced(function* ({ projectId, workerId }, now) {
      const found = yield* sql`SELECT 1 FROM workers WHERE id = ${workerId} AND project_id = ${projectId}`
      if (found.length === 0) return Either.left(new WorkerRegistry.WorkerNotFound({ workerId }))
      const revoked = yield* sql`UPDATE credentials SET revoked_at = ${now}
        WHERE worker_id = ${workerId} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})
        RETURNING credential_pk`
      return Either.right(revoked.length)
    }),
  )

  const { endSession, issueSession } = makeSessions(store, each)
  const browserTokens = makeBrowserTokens(store, each)

  return {
    createProject: Effect.fnUntraced(function* (slug) {
      return yield* createProject({ id: yield* Ids.uuidV7, slug })
    }),

    getProject: Effect.fnUntraced(function* (reference) {
      const row = yield* store.read("Access.getProject", findProject(reference))
      return row === undefined ? yield* new Access.ProjectNotFound({ reference }) : toProject(row)
    }),

    listProjects: Effect.map(
      store.read(
        "Access.listProjects",
        sql<ProjectRow>`SELECT id, slug, created_at FROM projects ORDER BY project_pk`,
      ),
      (rows) => rows.map(toProject),
    ),

    createKey: Effect.fnUntraced(function* ({ projectId, name, admin = false, token, expiresIn }) {
      const secret = token ?? (yield* Token.generate("rlk"))
      const digest = yield* Token.digest(secret)
      const key = yield* createKey({
        id: yield* Ids.uuidV7,
        projectId,
        name,
        admin,
        digest,
        expiresIn: expiresIn === undefined ? undefined : Math.round(Duration.toMillis(expiresIn)),
      })
      return { key, token: secret }
    }),

    listKeys: (projectId) =>
      Effect.map(
        store.read(
          "Access.listKeys",
          sql<CredentialRow>`SELECT * FROM credentials
            WHERE project_id = ${projectId} AND worker_id IS NULL AND issued_by IS NULL ORDER BY credential_pk DESC`,
        ),
        (rows) => rows.map(toKey),
      ),

    revokeKey: (projectId, keyId) => revokeKey({ projectId, keyId }),

    issueWorkerToken: Effect.fnUntraced(function* ({ projectId, workerId, issuedBy }) {
      const token = yield* Token.generate("rlw")
      const digest = yield* Token.digest(token)
      yield* issueWorkerToken({ id: yield* Ids.uuidV7, projectId, workerId, digest, issuedBy })
      return token
    }),

    revokeWorkerTokens: (worker) => revokeWorkerTokens(worker),

    issueSession: Effect.fnUntraced(function* ({ keyId, projectId }) {
      const token = yield* Token.generate("rls")
      const digest = yield* Token.digest(token)
      yield* issueSession({ id: yield* Ids.uuidV7, projectId, keyId, digest })
      return token
    }),

    endSession: (token) => Effect.flatMap(Token.digest(token), (digest) => endSession({ digest })),

    ...browserTokens,

    authenticate: makeAuthentication(store),
  }
}
