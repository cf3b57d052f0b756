/**
 * The port of webhook sources: which services may begin runs of a project by signed messages.
 *
 * Source: docs/decisions/0151-webhooks-in.md
 */
import { Context, type Effect, type Redacted, Schema } from "effect"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type { Source, SourceScheme } from "../model/WebhookSource.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { SecretsUnavailable } from "./Secrets.js"

/**
 * A source to be made or changed. `secret`: the one that the service has, such as `whsec_…` of a service that makes its own; one is made for
 * a new source without it.
 */
export interface SourceDefinition {
  readonly scheme: SourceScheme
  readonly agentId: string
  readonly events?: ReadonlyArray<string> | null | undefined
  readonly prompt?: string | null | undefined
  readonly secret?: Redacted.Redacted | undefined
  readonly createdBy?: string | null | undefined
}

/** `secret`: the one that was made. It is in this answer alone, and null where none was made. */
export interface SourceWithSecret {
  readonly source: Source
  readonly secret: Redacted.Redacted | null
}

/** The project has no source of that name. */
export class SourceNotFound extends Schema.TaggedError<SourceNotFound>("@runlease/core/SourceNotFound")(
  "SourceNotFound",
  { name: Schema.String },
) {
  override get message() {
    return `Webhook source ${this.name} does not exist`
  }
}

/** The source has a value that none can have, in `field`. `message` says what would be right. */
export class InvalidSource extends Schema.TaggedError<InvalidSource>("@runlease/core/InvalidSource")(
  "InvalidSource",
  { field: Schema.String, message: Schema.String },
) {}

export class WebhookSources extends Context.Tag("@runlease/core/WebhookSources")<
  WebhookSources,
  {
    /**
     * Makes the source of a name, or changes its definition. Its address and its secret stay, unless the definition has a secret.
     *
     * Fails: `InvalidSource` of field `scheme` for another scheme than the source has; `SecretsUnavailable` where the store has no key to
     * seal a secret with.
     */
    readonly define: (
      name: string,
      definition: SourceDefinition,
    ) => Effect.Effect<SourceWithSecret, InvalidSource | SecretsUnavailable | ControlPlaneError>

    readonly get: (name: string) => Effect.Effect<Source, SourceNotFound | ControlPlaneError>

    /** Newest first. */
    readonly list: (options?: PageRequest) => Effect.Effect<Page<Source>, InvalidCursor | ControlPlaneError>

    /** Removes the source. Its messages are refused from then on; its runs stay. */
    readonly remove: (name: string) => Effect.Effect<void, SourceNotFound | ControlPlaneError>

    /**
     * Replaces the secret of the source by a new one, which is made unless the options have it. Messages by the old one are accepted until that expires.
     *
     * Units: `expiresInSeconds` 0 to 604,800; a day when absent.
     */
    readonly rotate: (
      name: string,
      options?: {
        readonly secret?: Redacted.Redacted | undefined
        readonly expiresInSeconds?: number | undefined
      },
    ) => Effect.Effect<
      SourceWithSecret,
      SourceNotFound | InvalidSource | SecretsUnavailable | ControlPlaneError
    >
  }
>() {}

/** A source with the secrets that its messages may be signed with, the newest first. */
export interface OpenSource {
  readonly source: Source
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}
