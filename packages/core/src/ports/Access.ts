/** The port of who may do what: projects, API keys, worker tokens. */
import type { DateTime, Effect, Option, Redacted } from "effect"
import { Context, Duration, Schema } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type * as BrowserToken from "../model/BrowserToken.js"
import type * as CallbackToken from "../model/CallbackToken.js"
import * as Ids from "../model/Ids.js"
import type { NamedLease } from "../model/RunToken.js"
import type { WorkerNotFound } from "./WorkerRegistry.js"

export const Project = Schema.Struct({
  id: Ids.ProjectId,
  slug: Schema.String,
  createdAt: Schema.DateTimeUtcFromNumber,
})
export type Project = typeof Project.Type

export const ProjectSlug = Schema.String.pipe(
  Schema.pattern(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    message: () => "must be 1 to 63 lower-case letters, digits or -, and start with a letter or digit",
  }),
)

/** An API key as it may be shown: never its token, of which only a digest is stored. */
export const ApiKey = Schema.Struct({
  id: Ids.KeyId,
  projectId: Ids.ProjectId,
  name: Schema.String,
  admin: Schema.Boolean,
  createdAt: Schema.DateTimeUtcFromNumber,
  revokedAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  expiresAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
})
export type ApiKey = typeof ApiKey.Type

/**
 * Who a token is. A worker may do its own work; an API key everything in its project; an admin key also
 * manages projects and keys. A session is its API key. A browser may do what its grant says. A run may append to itself, tell itself messages and spawn children of itself, while
 * the worker holds that lease.
 */
export type Principal =
  | {
      readonly _tag: "ApiKey"
      readonly keyId: Ids.KeyId
      readonly projectId: Ids.ProjectId
      readonly admin: boolean
    }
  | { readonly _tag: "Worker"; readonly workerId: Ids.WorkerId; readonly projectId: Ids.ProjectId }
  | { readonly _tag: "Run"; readonly lease: NamedLease; readonly projectId: Ids.ProjectId }
  | { readonly _tag: "Browser"; readonly grant: BrowserToken.Grant; readonly projectId: Ids.ProjectId }

/**
 * What a token for a browser is to allow. `issuedBy` is the API key that makes it: the token ends with it, and no later. An application that
 * makes tokens in its own process may have none.
 *
 * Units: `expiresIn` is a Duration from now, by the store's clock; `BrowserToken.defaultLifetime` when absent, `BrowserToken.maxLifetime` at most.
 */
export interface NewBrowserToken extends Omit<BrowserToken.Grant, "expiresAt" | "scopes"> {
  readonly scopes: readonly [BrowserToken.Scope, ...ReadonlyArray<BrowserToken.Scope>]
  readonly expiresIn?: Duration.DurationInput | undefined
}

/** What a token of a callback is to allow. */
export interface NewCallbackToken extends Omit<CallbackToken.Claim, "expiresAt"> {
  readonly expiresIn?: Duration.DurationInput | undefined
}

/** No project has that slug or id. */
export class ProjectNotFound extends Schema.TaggedError<ProjectNotFound>("@runlease/core/ProjectNotFound")(
  "ProjectNotFound",
  { reference: Schema.String },
) {
  override get message() {
    return `Project ${this.reference} does not exist`
  }
}

/** A project with that slug exists. */
export class ProjectExists extends Schema.TaggedError<ProjectExists>("@runlease/core/ProjectExists")(
  "ProjectExists",
  { slug: Schema.String },
) {
  override get message() {
    return `Project ${this.slug} exists`
  }
}

/** No API key of that project has that id. */
export class KeyNotFound extends Schema.TaggedError<KeyNotFound>("@runlease/core/KeyNotFound")(
  "KeyNotFound",
  {
    keyId: Schema.String,
  },
) {
  override get message() {
    return `API key ${this.keyId} does not exist`
  }
}

/** The API key was revoked, which is for good: its token never becomes valid again, and it issues no tokens. */
export class KeyRevoked extends Schema.TaggedError<KeyRevoked>("@runlease/core/KeyRevoked")("KeyRevoked", {
  keyId: Schema.String,
}) {
  override get message() {
    return `API key ${this.keyId} was revoked; use another key`
  }
}

/** The API key has expired, which is for good: make a new one. */
export class KeyExpired extends Schema.TaggedError<KeyExpired>("@runlease/core/KeyExpired")("KeyExpired", {
  keyId: Schema.String,
}) {
  override get message() {
    return `API key ${this.keyId} has expired; use another key`
  }
}

/** How long a session lasts from its sign-in. */
export const sessionLifetime = Duration.hours(12)

export class Access extends Context.Tag("@runlease/core/Access")<
  Access,
  {
    readonly createProject: (slug: string) => Effect.Effect<Project, ProjectExists | ControlPlaneError>

    /** By slug or id. Project `default` always exists. */
    readonly getProject: (reference: string) => Effect.Effect<Project, ProjectNotFound | ControlPlaneError>

    readonly listProjects: Effect.Effect<ReadonlyArray<Project>, ControlPlaneError>

    /**
     * Makes an API key; its token is in the answer and nowhere else. With `token` the caller chooses it; the token
     * of an existing key returns that key.
     *
     * Units: `expiresIn` is a Duration from now, by the store's clock. The key is valid until it is revoked when absent.
     * Fails: `KeyRevoked` or `KeyExpired` when the chosen token is that of such a key.
     * Source: docs/decisions/0078-expiry-of-keys.md
     */
    readonly createKey: (options: {
      readonly projectId: Ids.ProjectId
      readonly name: string
      readonly admin?: boolean | undefined
      readonly token?: Redacted.Redacted | undefined
      readonly expiresIn?: Duration.DurationInput | undefined
    }) => Effect.Effect<
      { readonly key: ApiKey; readonly token: Redacted.Redacted },
      ProjectNotFound | KeyRevoked | KeyExpired | ControlPlaneError
    >

    /** Revoked and expired ones too, newest first. */
    readonly listKeys: (projectId: Ids.ProjectId) => Effect.Effect<ReadonlyArray<ApiKey>, ControlPlaneError>

    /**
     * Refuses its token from now on, and with it the tokens of workers that it issued. Revoking again changes
     * nothing.
     */
    readonly revokeKey: (
      projectId: Ids.ProjectId,
      keyId: Ids.KeyId,
    ) => Effect.Effect<ApiKey, KeyNotFound | ControlPlaneError>

    /**
     * Makes a new token for a worker. Its two newest stay valid, so that the process it replaces can still drain;
     * older ones are revoked. `issuedBy` is the API key that registers the worker: the token ends with it. An
     * application that authenticates by itself may have no such key, or one that this store does not know.
     *
     * Fails: `KeyRevoked` when `issuedBy` is revoked, `KeyExpired` when it has expired.
     * Source: docs/decisions/0019-revocation.md
     */
    readonly issueWorkerToken: (options: {
      readonly projectId: Ids.ProjectId
      readonly workerId: Ids.WorkerId
      readonly issuedBy?: Ids.KeyId | undefined
    }) => Effect.Effect<Redacted.Redacted, KeyRevoked | KeyExpired | ControlPlaneError>

    /**
     * Refuses every token that the worker has now, and returns how many of them were valid. Its leases stay until they
     * lapse, since it can renew none. A valid API key may register it again.
     */
    readonly revokeWorkerTokens: (worker: {
      readonly projectId: Ids.ProjectId
      readonly workerId: Ids.WorkerId
    }) => Effect.Effect<number, WorkerNotFound | ControlPlaneError>

    /**
     * Makes a token for a person who has shown an API key in a browser. It authenticates as the key does, until the key ends, or
     * for `sessionLifetime` by the store's clock.
     *
     * Fails: `KeyNotFound` when no key of the project has the id; `KeyRevoked` and `KeyExpired` when it has ended.
     * Source: docs/decisions/0071-sign-in.md
     */
    readonly issueSession: (key: {
      readonly projectId: Ids.ProjectId
      readonly keyId: Ids.KeyId
    }) => Effect.Effect<Redacted.Redacted, KeyNotFound | KeyRevoked | KeyExpired | ControlPlaneError>

    /** Refuses the token of a session from now on. A token of something else stays as it is. */
    readonly endSession: (token: Redacted.Redacted) => Effect.Effect<void, ControlPlaneError>

    /**
     * Makes a token that a page may have. It is signed with the key of the project, which is made with its first token; no store has the token.
     *
     * Fails: `InvalidBrowserToken` for what no token can have; `KeyRevoked` when `issuedBy` is revoked, `KeyExpired` when it has expired.
     * Source: docs/decisions/0109-tokens-for-browsers.md
     */
    readonly issueBrowserToken: (
      options: NewBrowserToken,
    ) => Effect.Effect<
      { readonly token: Redacted.Redacted; readonly expiresAt: DateTime.Utc },
      ProjectNotFound | KeyRevoked | KeyExpired | BrowserToken.InvalidBrowserToken | ControlPlaneError
    >

    /**
     * Makes a token that answers one question of a run, once. It is signed as a token for a browser is, and ends with a rotation too.
     *
     * Units: `expiresIn` is a Duration from now, by the store's clock; `CallbackToken.defaultLifetime` when absent, `CallbackToken.maxLifetime`
     * at most.
     * Fails: `KeyRevoked` when `issuedBy` is revoked, `KeyExpired` when it has expired.
     * Source: docs/decisions/0144-callbacks.md
     */
    readonly issueCallback: (
      options: NewCallbackToken,
    ) => Effect.Effect<
      { readonly token: Redacted.Redacted; readonly expiresAt: DateTime.Utc },
      ProjectNotFound | KeyRevoked | KeyExpired | ControlPlaneError
    >

    /**
     * What a token of a callback says, and whether it has expired; none where its project has not signed it with the key that it has now, or
     * where the API key that made it has ended. `authenticate` finds no principal by such a token.
     */
    readonly findCallback: (
      token: Redacted.Redacted,
    ) => Effect.Effect<
      Option.Option<{ readonly claim: CallbackToken.Claim; readonly expired: boolean }>,
      ControlPlaneError
    >

    /** Replaces the key that the project signs with. Every token for a browser and every callback that it has made is refused from now on. */
    readonly rotateSigningKey: (
      projectId: Ids.ProjectId,
    ) => Effect.Effect<void, ProjectNotFound | ControlPlaneError>

    /**
     * The principal of a token, in a time that does not depend on how much of it is right. That of a run is found by the valid tokens of the
     * worker that it names; whether that worker holds the run is for the ports to say.
     */
    readonly authenticate: (
      token: Redacted.Redacted,
    ) => Effect.Effect<Option.Option<Principal>, ControlPlaneError>
  }
>() {}
