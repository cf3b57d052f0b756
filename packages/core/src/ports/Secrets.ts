/**
 * Secrets that a server must read again, such as those that it signs with: they are stored sealed.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { Context, type Effect, type Redacted, Schema } from "effect"

/** The store has no key for secrets, or no key that a secret was sealed with. `message` says what to set. */
export class SecretsUnavailable extends Schema.TaggedError<SecretsUnavailable>(
  "@runlease/core/SecretsUnavailable",
)("SecretsUnavailable", { message: Schema.String }) {}

/**
 * Seals secrets with the key of the store. `place` names what the secret belongs to: a sealed secret that is moved to another place does
 * not open there.
 */
export class Secrets extends Context.Tag("@runlease/core/Secrets")<
  Secrets,
  {
    readonly seal: (secret: Redacted.Redacted, place: string) => Effect.Effect<string, SecretsUnavailable>
    readonly open: (sealed: string, place: string) => Effect.Effect<Redacted.Redacted, SecretsUnavailable>
  }
>() {}
