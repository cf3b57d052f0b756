/**
 * The port of who may do what: projects, API keys, worker tokens.
 *
 * @since 0.1.0
 */
import type { Effect, Option, Redacted } from "effect"
import { Context, Schema } from "effect"
import type { ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"
import * as Ids from "./Ids.js"

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
})
export type ApiKey = typeof ApiKey.Type

/**
 * Who a token is. A worker may do its own work; an API key everything in its project; an admin key also
 * manages projects and keys.
 *
 * @since 0.1.0
 * @category models
 */
export type Principal =
  | {
      readonly _tag: "ApiKey"
      readonly keyId: Ids.KeyId
      readonly projectId: Ids.ProjectId
      readonly admin: boolean
    }
  | { readonly _tag: "Worker"; readonly workerId: Ids.WorkerId; readonly projectId: Ids.ProjectId }

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

export class Access extends Context.Tag("@runlease/core/Access")<
  Access,
  {
    readonly createProject: (slug: string) => Effect.Effect<Project, ProjectExists | ControlPlaneUnavailable>

    /** By slug or id. Project `default` always exists. */
    readonly getProject: (
      reference: string,
    ) => Effect.Effect<Project, ProjectNotFound | ControlPlaneUnavailable>

    readonly listProjects: Effect.Effect<ReadonlyArray<Project>, ControlPlaneUnavailable>

    /**
     * Makes an API key; its token is in the answer and nowhere else. With `token` the caller chose it; a token
     * that is a key already gives that key, made valid again if it was revoked.
     */
    readonly createKey: (options: {
      readonly projectId: Ids.ProjectId
      readonly name: string
      readonly admin?: boolean | undefined
      readonly token?: Redacted.Redacted | undefined
    }) => Effect.Effect<
      { readonly key: ApiKey; readonly token: Redacted.Redacted },
      ProjectNotFound | ControlPlaneUnavailable
    >

    /** Revoked ones too, newest first. */
    readonly listKeys: (
      projectId: Ids.ProjectId,
    ) => Effect.Effect<ReadonlyArray<ApiKey>, ControlPlaneUnavailable>

    /** From now on its token is nobody's. Revoking again changes nothing. */
    readonly revokeKey: (
      projectId: Ids.ProjectId,
      keyId: Ids.KeyId,
    ) => Effect.Effect<ApiKey, KeyNotFound | ControlPlaneUnavailable>

    /**
     * A new token for a worker. Its two newest stay valid, so that the process it replaces can still drain;
     * older ones are revoked.
     */
    readonly issueWorkerToken: (options: {
      readonly projectId: Ids.ProjectId
      readonly workerId: Ids.WorkerId
    }) => Effect.Effect<Redacted.Redacted, ControlPlaneUnavailable>

    /** Whose token this is, in a time that does not depend on how much of it is right. */
    readonly authenticate: (
      token: Redacted.Redacted,
    ) => Effect.Effect<Option.Option<Principal>, ControlPlaneUnavailable>
  }
>() {}
