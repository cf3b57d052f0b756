/** Access on SQL. Only the digest of a token is stored. */
import type { SqlError } from "@effect/sql/SqlError"
import { Access, Ids, WorkerRegistry } from "@runlease/core"
import { Token } from "@runlease/core/store"
import { DateTime, Duration, Effect, Either, Function } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"
import * as SqlAuthentication from "./SqlAuthentication.js"
import * as SqlBrowserTokens from "./SqlBrowserTokens.js"
import * as SqlSessions from "./SqlSessions.js"

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

/** @category constructors */
export const make = (store: SqlStore): Access.Access["Type"] => {
  const { sql, dialect, writer } = store

  const each: SqlSessions.Each = <Request, A, E = never>(
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
      const end = SqlSessions.endOf(row!.id, row!, now)
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
      sql<SqlSessions.Validity>`SELECT revoked_at, expires_at FROM credentials
        WHERE id = ${keyId} ${dialect.lock("credentials", "id")}`,
      ([row]) => row,
    )

  const issueWorkerToken = each<NewWorkerToken, void, Access.KeyRevoked | Access.KeyExpired>(
    "Access.issueWorkerToken",
    Effect.fnUntraced(function* ({ id, projectId, workerId, digest, issuedBy }, now) {
      const issuer = issuedBy === undefined ? undefined : yield* findIssuer(issuedBy)
      const end = issuedBy && issuer && SqlSessions.endOf(issuedBy, issuer, now)
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

  const { endSession, issueSession } = SqlSessions.make(store, each)
  const browserTokens = SqlBrowserTokens.make(store, each)

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

    authenticate: SqlAuthentication.make(store),
  }
}
