/** Counts and hashes a content while its bytes pass by. */
import { createHash } from "node:crypto"
import { BlobDamaged, BlobDigest, type BlobRef, BlobTooLarge } from "@runlease/core/Blobs"
import { Effect, Stream } from "effect"

export interface Meter {
  /** Takes note of the next bytes. Fails where they are too many. */
  readonly add: (bytes: Uint8Array) => Effect.Effect<void, BlobTooLarge>

  /** The name of the bytes so far. */
  readonly ref: () => BlobRef
}

export const meter = (maxSize: number): Meter => {
  const hash = createHash("sha256")
  let size = 0
  return {
    add: (bytes) =>
      Effect.suspend(() => {
        size += bytes.length
        if (size > maxSize) return new BlobTooLarge({ maxSize })
        hash.update(bytes)
        return Effect.void
      }),
    ref: () => ({ digest: BlobDigest.make(hash.digest("hex")), size }),
  }
}

/** The content, which fails at its end where its digest is another one. */
export const checked = <E, R>(
  digest: BlobDigest,
  content: Stream.Stream<Uint8Array, E, R>,
): Stream.Stream<Uint8Array, E | BlobDamaged, R> =>
  Stream.suspend(() => {
    const hash = createHash("sha256")
    const end = Stream.suspend(() =>
      hash.digest("hex") === digest ? Stream.empty : Stream.fail(new BlobDamaged({ digest })),
    )
    return Stream.concat(
      Stream.map(content, (bytes) => {
        hash.update(bytes)
        return bytes
      }),
      end,
    )
  })
