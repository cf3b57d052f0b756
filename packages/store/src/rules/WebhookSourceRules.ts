/**
 * The rules of webhook sources: which there can be, and which secrets.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0151-webhooks-in.md
 */
import type * as Ids from "@runlease/core/Ids"
import { pathOf, Source, type SourceScheme } from "@runlease/core/WebhookSource"
import { InvalidSource, type SourceDefinition } from "@runlease/core/WebhookSources"
import { Either, Encoding, ParseResult, Redacted, Schema } from "effect"
import type { SealedSecret } from "./SealedSecrets.js"

/** A source as it is stored, with instants in milliseconds. Its id is its name, and its newest secret comes first. */
export type SourceRecord = Omit<typeof Source.Encoded, "name" | "path"> & {
  readonly id: string
  readonly secrets: ReadonlyArray<SealedSecret>
}

const checked = Source.pick("name", "scheme", "agentId", "events", "prompt")
const validate = Schema.validateEither(checked)

/** What its maker says of a source. */
export type Definition = Pick<SourceRecord, "agentId" | "events" | "prompt" | "scheme">

export const refuse = (field: string, message: string) => Either.left(new InvalidSource({ field, message }))

/** The bytes of a secret of Standard Webhooks. */
const leastBytes = 24
const mostBytes = 64

const isStandard = (secret: string): boolean =>
  Either.match(Encoding.decodeBase64(secret.replace(/^whsec_/, "")), {
    onLeft: () => false,
    onRight: ({ length }) => length >= leastBytes && length <= mostBytes,
  })

/** A secret that the service has, where it is one of its scheme. */
export const checkSecret = (
  scheme: SourceScheme,
  secret: Redacted.Redacted,
): Either.Either<Redacted.Redacted, InvalidSource> => {
  const text = Redacted.value(secret)
  if (scheme === "standard") {
    return isStandard(text)
      ? Either.right(secret)
      : refuse("secret", `must be ${leastBytes} to ${mostBytes} bytes in base64, with or without whsec_`)
  }
  return text.length >= 16 && text.length <= 256
    ? Either.right(secret)
    : refuse("secret", "must have 16 to 256 characters")
}

export const checkSource = (
  name: string,
  { agentId, events = null, prompt = null, scheme }: SourceDefinition,
): Either.Either<Definition, InvalidSource> => {
  const definition = { scheme, agentId, events: events && Array.from(new Set(events)), prompt }
  return Either.mapBoth(validate({ name, ...definition }), {
    onLeft: (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return new InvalidSource({
        field: issue?.path.map(String).join(".") ?? "",
        message: issue?.message.split("\n")[0] ?? "is malformed",
      })
    },
    onRight: () => definition,
  })
}

/** A source with another definition. Its messages are of one scheme, since its secret is. */
export const redefine = (
  record: SourceRecord,
  definition: Definition,
  secret: SealedSecret | undefined,
  now: number,
): Either.Either<SourceRecord, InvalidSource> =>
  record.scheme === definition.scheme
    ? Either.right({
        ...record,
        ...definition,
        updatedAt: now,
        secrets: secret === undefined ? record.secrets : [secret],
      })
    : refuse("scheme", `is ${record.scheme} for good; remove the source first`)

export const toSource = ({ id, secrets: _secrets, ...record }: SourceRecord): Source =>
  Schema.decodeSync(Source)({ ...record, name: id, path: pathOf(record.projectId, id) })

/** What a sealed secret of a source is bound to. */
export const secretPlace = (projectId: Ids.ProjectId, name: string): string =>
  `webhook source ${name} of project ${projectId}`
