/**
 * Contents that are too large for the log of a run: each is stored once, under the SHA-256 of its bytes.
 *
 * ```ts
 * const { digest, size } = yield* blobs.put(Stream.make(bytes))
 * const copy = yield* Stream.runCollect(blobs.get(digest))
 * ```
 *
 * Source: docs/decisions/0168-large-values.md
 */
import { Context, type Effect, Schema, type Stream } from "effect"

/** The name of a content: the SHA-256 of its bytes, 64 hex digits. */
export const BlobDigest = Schema.String.pipe(
  Schema.pattern(/^[0-9a-f]{64}$/),
  Schema.brand("BlobDigest"),
  Schema.annotations({ identifier: "BlobDigest" }),
)
export type BlobDigest = typeof BlobDigest.Type

/**
 * A content by its name.
 *
 * Units: `size` is in bytes.
 */
export const BlobRef = Schema.Struct({ digest: BlobDigest, size: Schema.NonNegativeInt })
export type BlobRef = typeof BlobRef.Type

/**
 * The most bytes of a content, where a store has no option that says another number.
 *
 * Units: bytes.
 */
export const defaultMaxSize = 64 * 1024 * 1024

/** The store has no content of that name. */
export class BlobNotFound extends Schema.TaggedError<BlobNotFound>("@runlease/core/BlobNotFound")(
  "BlobNotFound",
  { digest: BlobDigest },
) {
  override get message(): string {
    return `The store has no blob ${this.digest}`
  }
}

/** The bytes that the store has under that name are others than those that were put. */
export class BlobDamaged extends Schema.TaggedError<BlobDamaged>("@runlease/core/BlobDamaged")(
  "BlobDamaged",
  { digest: BlobDigest },
) {
  override get message(): string {
    return `The blob ${this.digest} is damaged: its bytes have another SHA-256`
  }
}

/**
 * The content has more bytes than the store takes.
 *
 * Units: `maxSize` is in bytes.
 */
export class BlobTooLarge extends Schema.TaggedError<BlobTooLarge>("@runlease/core/BlobTooLarge")(
  "BlobTooLarge",
  { maxSize: Schema.NonNegativeInt },
) {
  override get message(): string {
    return `The blob is larger than ${this.maxSize} bytes, the most that the store takes`
  }
}

/** The store cannot be reached now, or cannot write. It says nothing of whether the store has a content. */
export class BlobsUnavailable extends Schema.TaggedError<BlobsUnavailable>("@runlease/core/BlobsUnavailable")(
  "BlobsUnavailable",
  { message: Schema.String },
) {}

/**
 * A store of contents. A worker whose layer has one stores large results of steps there.
 *
 * `BlobsSuite` of `@runlease/testkit` tests an implementation.
 */
export class Blobs extends Context.Tag("@runlease/core/Blobs")<
  Blobs,
  {
    /**
     * Stores a content, and ends once it is durable. A content that is there already stays as it is. One that fails, that is too large or whose put
     * is interrupted leaves nothing.
     *
     * Fails: as the content does.
     */
    readonly put: <E, R>(
      content: Stream.Stream<Uint8Array, E, R>,
    ) => Effect.Effect<BlobRef, E | BlobTooLarge | BlobsUnavailable, R>

    /** The content of that name. A damaged one fails at its end at the latest, so a reader uses nothing before the end. */
    readonly get: (
      digest: BlobDigest,
    ) => Stream.Stream<Uint8Array, BlobNotFound | BlobDamaged | BlobsUnavailable>

    readonly has: (digest: BlobDigest) => Effect.Effect<boolean, BlobsUnavailable>

    /** Removes a content, if it is there. */
    readonly remove: (digest: BlobDigest) => Effect.Effect<void, BlobsUnavailable>
  }
>() {}
