/**
 * Access in memory: projects, API keys and worker tokens. It stores only digests of tokens.
 */
import {
  type Access,
  type ApiKey,
  KeyExpired,
  KeyNotFound,
  KeyRevoked,
  type Principal,
  type Project,
  ProjectExists,
  ProjectNotFound,
  sessionLifetime,
} from "@runlease/core/Access"
import * as BrowserToken from "@runlease/core/BrowserToken"
import * as CallbackToken from "@runlease/core/CallbackToken"
import { defaultProject } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import * as RunToken from "@runlease/core/RunToken"
import * as Token from "@runlease/core/Token"
import { WorkerNotFound } from "@runlease/core/WorkerRegistry"
import { DateTime, Duration, Effect, Option, Redacted } from "effect"
import * as State from "./State.js"

/** How many of a worker's tokens are valid at once. */
const tokensPerWorker = 2

interface WorkerToken {
  readonly digest: string
  readonly workerId: Ids.WorkerId
  readonly projectId: Ids.ProjectId
  readonly issuedBy: Ids.KeyId | undefined
  /** Milliseconds; `Infinity` for a token that does not expire. */
  readonly expiresAt: number
}

interface Session {
  readonly key: ApiKey
  readonly expiresAt: number
}

const expiryOf = ({ expiresAt }: ApiKey): number =>
  expiresAt === null ? Infinity : DateTime.toEpochMillis(expiresAt)

/** Why a key is not valid, where it is not. */
const endOf = (key: ApiKey, now: number): KeyRevoked | KeyExpired | undefined => {
  if (key.revokedAt !== null) return new KeyRevoked({ keyId: key.id })
  return expiryOf(key) <= now ? new KeyExpired({ keyId: key.id }) : undefined
}

export const make = Effect.fnUntraced(function* (state: State.State): Effect.fn.Return<Access["Type"]> {
  const projects = new Map<Ids.ProjectId, Project>()
  const keys = new Map<string, ApiKey>()
  // In the order of issue, so that the first of a worker's tokens is its oldest.
  const workerTokens = new Map<string, WorkerToken>()

  const sessions = new Map<string, Session>()

  const signingKeys = new Map<Ids.ProjectId, string>()

  const now = Effect.map(state.now, (millis) => DateTime.unsafeMake(millis))

  const newProject = Effect.fnUntraced(function* (slug: string) {
    const id = Ids.ProjectId.make(yield* Ids.uuidV7)
    const createdAt = yield* now
    return { id, slug, createdAt } satisfies Project
  })

  const findProject = (reference: string): Project | undefined => {
    for (const project of projects.values()) {
      if (project.id === reference || project.slug === reference) return project
    }
    return undefined
  }

  const findKey = (keyId: Ids.KeyId): readonly [digest: string, ApiKey] | undefined =>
    Array.from(keys).find(([, { id }]) => id === keyId)

  /** Revokes the worker tokens that pass, and returns how many there were. */
  const revokeTokens = (passes: (token: WorkerToken) => boolean): number => {
    const revoked = Array.from(workerTokens.values()).filter(passes)
    for (const { digest } of revoked) workerTokens.delete(digest)
    return revoked.length
  }

  /** The run that a token names, where a valid token of its worker has signed it. */
  const findRun = ({ isSignedWith, lease }: RunToken.Signed, at: number): Option.Option<Principal> => {
    for (const { digest, expiresAt, projectId, workerId } of workerTokens.values()) {
      if (workerId === lease.workerId && expiresAt > at && isSignedWith(digest)) {
        return Option.some({ _tag: "Run", lease, projectId })
      }
    }
    return Option.none()
  }

  const isIssuerValid = (keyId: Ids.KeyId, at: number): boolean => {
    const key = findKey(keyId)?.[1]
    return key === undefined || endOf(key, at) === undefined
  }

  /** The browser that a token names, where its project has signed it. */
  const findBrowser = (
    { grant, isSignedWith }: BrowserToken.Signed,
    at: number,
  ): Option.Option<Principal> => {
    const { expiresAt, issuedBy, projectId } = grant
    const signingKey = signingKeys.get(projectId)
    return signingKey !== undefined &&
      isSignedWith(signingKey) &&
      expiresAt > at &&
      (issuedBy === undefined || isIssuerValid(issuedBy, at))
      ? Option.some({ _tag: "Browser", grant, projectId })
      : Option.none()
  }

  const first = yield* newProject(defaultProject)
  projects.set(first.id, first)

  return {
    createProject: Effect.fnUntraced(function* (slug) {
      const project = yield* newProject(slug)
      if (findProject(slug) !== undefined) return yield* new ProjectExists({ slug })
      projects.set(project.id, project)
      return project
    }),

    getProject: (reference) =>
      Effect.suspend(() => {
        const project = findProject(reference)
        return project === undefined ? new ProjectNotFound({ reference }) : Effect.succeed(project)
      }),

    listProjects: Effect.sync(() => Array.from(projects.values())),

    createKey: Effect.fnUntraced(function* ({ projectId, name, admin = false, token, expiresIn }) {
      const secret = token ?? (yield* Token.generate("rlk"))
      const digest = yield* Token.digest(secret)
      const id = Ids.KeyId.make(yield* Ids.uuidV7)
      const createdAt = yield* now
      const expiresAt = expiresIn === undefined ? null : DateTime.addDuration(createdAt, expiresIn)
      if (!projects.has(projectId)) return yield* new ProjectNotFound({ reference: projectId })
      const key = keys.get(digest) ?? { id, projectId, name, admin, createdAt, revokedAt: null, expiresAt }
      const end = endOf(key, DateTime.toEpochMillis(createdAt))
      if (end !== undefined) return yield* end
      keys.set(digest, key)
      return { key, token: secret }
    }),

    listKeys: (projectId) =>
      Effect.sync(() =>
        Array.from(keys.values())
          .filter((key) => key.projectId === projectId)
          .toReversed(),
      ),

    revokeKey: Effect.fnUntraced(function* (projectId, keyId) {
      const revokedAt = yield* now
      const found = findKey(keyId)
      if (found?.[1].projectId !== projectId) return yield* new KeyNotFound({ keyId })
      const [digest, key] = found
      const revoked = { ...key, revokedAt: key.revokedAt ?? revokedAt }
      keys.set(digest, revoked)
      revokeTokens(({ issuedBy }) => issuedBy === keyId)
      for (const [session, { key: of }] of sessions) if (of.id === keyId) sessions.delete(session)
      return revoked
    }),

    issueWorkerToken: Effect.fnUntraced(function* ({ projectId, workerId, issuedBy }) {
      const token = yield* Token.generate("rlw")
      const digest = yield* Token.digest(token)
      const at = yield* state.now
      const issuer = issuedBy && findKey(issuedBy)?.[1]
      const end = issuer && endOf(issuer, at)
      if (end !== undefined) return yield* end
      const expiresAt = issuer === undefined ? Infinity : expiryOf(issuer)
      workerTokens.set(digest, { digest, workerId, projectId, issuedBy, expiresAt })
      const own = Array.from(workerTokens.values()).filter((issued) => issued.workerId === workerId)
      for (const old of own.slice(0, -tokensPerWorker)) workerTokens.delete(old.digest)
      return token
    }),

    revokeWorkerTokens: ({ projectId, workerId }) =>
      Effect.flatMap(state.now, (at) =>
        State.projectOf(state, projectId).workers.has(workerId)
          ? Effect.succeed(revokeTokens((issued) => issued.workerId === workerId && issued.expiresAt > at))
          : new WorkerNotFound({ workerId }),
      ),

    issueSession: Effect.fnUntraced(function* ({ keyId, projectId }) {
      const token = yield* Token.generate("rls")
      const digest = yield* Token.digest(token)
      const at = yield* state.now
      const key = findKey(keyId)?.[1]
      if (key?.projectId !== projectId) return yield* new KeyNotFound({ keyId })
      const end = endOf(key, at)
      if (end !== undefined) return yield* end
      for (const [session, { expiresAt }] of sessions) if (expiresAt <= at) sessions.delete(session)
      const expiresAt = Math.min(at + Duration.toMillis(sessionLifetime), expiryOf(key))
      sessions.set(digest, { key, expiresAt })
      return token
    }),

    issueBrowserToken: Effect.fnUntraced(function* ({ expiresIn, ...grant }) {
      const { issuedBy, projectId } = grant
      const fresh = yield* Token.randomBits
      const at = yield* state.now
      if (!projects.has(projectId)) return yield* new ProjectNotFound({ reference: projectId })
      const issuer = issuedBy && findKey(issuedBy)?.[1]
      const end = issuer && endOf(issuer, at)
      if (end !== undefined) return yield* end
      const signingKey = signingKeys.get(projectId) ?? fresh
      signingKeys.set(projectId, signingKey)
      const expiresAt = BrowserToken.expiryOf(at, expiresIn, issuer && expiryOf(issuer))
      return {
        token: yield* BrowserToken.sign(Redacted.make(signingKey), { ...grant, expiresAt }),
        expiresAt: DateTime.unsafeMake(expiresAt),
      }
    }),

    issueCallback: Effect.fnUntraced(function* ({ expiresIn, ...claim }) {
      const { issuedBy, projectId } = claim
      const fresh = yield* Token.randomBits
      const at = yield* state.now
      if (!projects.has(projectId)) return yield* new ProjectNotFound({ reference: projectId })
      const issuer = issuedBy && findKey(issuedBy)?.[1]
      const end = issuer && endOf(issuer, at)
      if (end !== undefined) return yield* end
      const signingKey = signingKeys.get(projectId) ?? fresh
      signingKeys.set(projectId, signingKey)
      const expiresAt = CallbackToken.expiryOf(at, expiresIn, issuer && expiryOf(issuer))
      return {
        token: CallbackToken.sign(signingKey, { ...claim, expiresAt }),
        expiresAt: DateTime.unsafeMake(expiresAt),
      }
    }),

    findCallback: (token) =>
      Effect.map(state.now, (at) =>
        Option.flatMap(CallbackToken.read(token), ({ claim, isSignedWith }) => {
          const signingKey = signingKeys.get(claim.projectId)
          return signingKey !== undefined &&
            isSignedWith(signingKey) &&
            (claim.issuedBy === undefined || isIssuerValid(claim.issuedBy, at))
            ? Option.some({ claim, expired: claim.expiresAt <= at })
            : Option.none()
        }),
      ),

    rotateSigningKey: Effect.fnUntraced(function* (projectId) {
      const fresh = yield* Token.randomBits
      if (!projects.has(projectId)) return yield* new ProjectNotFound({ reference: projectId })
      signingKeys.set(projectId, fresh)
    }),

    endSession: (token) => Effect.map(Token.digest(token), (digest) => void sessions.delete(digest)),

    // The maps are keyed by digest, so the time of a look-up depends on the digest and reveals nothing of the token.
    authenticate: Effect.fnUntraced(function* (token) {
      const at = yield* state.now
      const signed = RunToken.read(token)
      if (Option.isSome(signed)) return findRun(signed.value, at)
      const ofBrowser = BrowserToken.read(token)
      if (Option.isSome(ofBrowser)) return findBrowser(ofBrowser.value, at)
      const digest = yield* Token.digest(token)
      const session = sessions.get(digest)
      const key = session !== undefined && session.expiresAt > at ? session.key : keys.get(digest)
      if (key !== undefined && endOf(key, at) === undefined) {
        const { id: keyId, projectId, admin } = key
        return Option.some<Principal>({ _tag: "ApiKey", keyId, projectId, admin })
      }
      return Option.map(
        Option.filter(Option.fromNullable(workerTokens.get(digest)), ({ expiresAt }) => expiresAt > at),
        ({ workerId, projectId }): Principal => ({ _tag: "Worker", workerId, projectId }),
      )
    }),
  }
})
