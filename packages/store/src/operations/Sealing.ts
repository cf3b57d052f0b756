/**
 * Seals secrets by AES-256-GCM. The first key seals, and each of them opens, so a key is replaced by one in front of it.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { type Secrets, SecretsUnavailable } from "@runlease/core/Secrets"
import { type Array, Config, ConfigError, Effect, Either, Encoding, Option, Redacted } from "effect"

/** 256 bits. */
export type Key = Redacted.Redacted<Uint8Array<ArrayBuffer>>

export type Keys = Array.NonEmptyReadonlyArray<Key>

/** The variable that has the keys. */
export const variable = "RUNLEASE_SECRET_KEY"

const keyBytes = 32

const randomBytes = (length: number): Uint8Array<ArrayBuffer> =>
  globalThis.crypto.getRandomValues(new Uint8Array(length))

export const generate: Effect.Effect<Key> = Effect.sync(() => Redacted.make(randomBytes(keyBytes)))

/** A key as `read` takes it. */
export const toText = (key: Key): string => Encoding.encodeBase64(Redacted.value(key))

const decoded = (text: string): Either.Either<Uint8Array, unknown> =>
  /^[0-9a-f]{64}$/i.test(text)
    ? Encoding.decodeHex(text)
    : Either.orElse(Encoding.decodeBase64(text), () => Encoding.decodeBase64Url(text))

/** Keys as text: each 32 bytes in base64 or as hex digits, with a comma between two of them. Undefined for any other text. */
export const read = (text: string): Keys | undefined => {
  const keys = text.split(",").map((part) => Either.getOrUndefined(decoded(part.trim())))
  const right = keys.flatMap((bytes) =>
    bytes?.length === keyBytes ? [Redacted.make(new Uint8Array(bytes))] : [],
  )
  const [first, ...rest] = right
  return first === undefined || right.length < keys.length ? undefined : [first, ...rest]
}

/** The keys that the environment has; none where it has none. */
export const config: Config.Config<Option.Option<Keys>> = Config.option(
  Config.mapOrFail(Config.redacted(Config.nonEmptyString(variable)), (text) => {
    const keys = read(Redacted.value(text))
    return keys === undefined
      ? Either.left(
          ConfigError.InvalidData(
            [variable],
            "must be 32 bytes in base64, as `openssl rand -base64 32` prints them",
          ),
        )
      : Either.right(keys)
  }),
)

const algorithm = "AES-GCM"
const version = "v1."
const nonceBytes = 12

const imported = (key: Key) =>
  Effect.promise(() =>
    globalThis.crypto.subtle.importKey("raw", Redacted.value(key), algorithm, false, ["encrypt", "decrypt"]),
  )

/** A sealed secret is bound to its place, which is not encrypted. */
const bound = (nonce: Uint8Array<ArrayBuffer>, place: string) => ({
  name: algorithm,
  iv: nonce,
  additionalData: new TextEncoder().encode(place),
})

const unopened = (place: string) =>
  new SecretsUnavailable({
    message: `The secret of ${place} does not open with the keys of this server; add the key that it was sealed with to ${variable}, behind a comma`,
  })

/** Seals by keys that are read when the first secret is. */
export const make = (keys: Effect.Effect<Keys, SecretsUnavailable>): Secrets["Type"] => {
  const openBy = (key: Key, bytes: Uint8Array<ArrayBuffer>, place: string) =>
    Effect.flatMap(imported(key), (opener) =>
      Effect.tryPromise(() =>
        globalThis.crypto.subtle.decrypt(
          bound(bytes.subarray(0, nonceBytes), place),
          opener,
          bytes.subarray(nonceBytes),
        ),
      ),
    )
  return {
    seal: (secret, place) =>
      Effect.gen(function* () {
        const [first] = yield* keys
        const sealer = yield* imported(first)
        const nonce = randomBytes(nonceBytes)
        const text = new TextEncoder().encode(Redacted.value(secret))
        const sealed = yield* Effect.promise(() =>
          globalThis.crypto.subtle.encrypt(bound(nonce, place), sealer, text),
        )
        return version + Encoding.encodeBase64Url(new Uint8Array([...nonce, ...new Uint8Array(sealed)]))
      }),

    open: (sealed, place) =>
      Effect.gen(function* () {
        const bytes = sealed.startsWith(version)
          ? Either.getOrUndefined(Encoding.decodeBase64Url(sealed.slice(version.length)))
          : undefined
        if (bytes === undefined || bytes.length <= nonceBytes) return yield* unopened(place)
        const opened = yield* Effect.firstSuccessOf(
          (yield* keys).map((key) => openBy(key, new Uint8Array(bytes), place)),
        ).pipe(Effect.mapError(() => unopened(place)))
        return Redacted.make(new TextDecoder().decode(opened))
      }),
  }
}

/** Seals by a key of this process alone. */
export const makeEphemeral: Effect.Effect<Secrets["Type"]> = Effect.map(generate, (key) =>
  make(Effect.succeed([key])),
)
