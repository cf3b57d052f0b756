/** Blobs in memory. */
import { type BlobDigest, BlobNotFound, type Blobs } from "@runlease/core/Blobs"
import { Effect, Stream } from "effect"
import * as Content from "./Content.js"

export const make = (maxSize: number): Blobs["Type"] => {
  const contents = new Map<BlobDigest, ReadonlyArray<Uint8Array>>()
  return {
    put: (content) =>
      Effect.suspend(() => {
        const meter = Content.meter(maxSize)
        const chunks: Array<Uint8Array> = []
        const collected = Stream.runForEach(content, (bytes) =>
          Effect.map(meter.add(bytes), () => {
            chunks.push(bytes.slice())
          }),
        )
        return Effect.map(collected, () => {
          const ref = meter.ref()
          if (!contents.has(ref.digest)) contents.set(ref.digest, chunks)
          return ref
        })
      }),
    get: (digest) =>
      Stream.suspend(() => {
        const chunks = contents.get(digest)
        return chunks === undefined ? Stream.fail(new BlobNotFound({ digest })) : Stream.fromIterable(chunks)
      }),
    has: (digest) => Effect.sync(() => contents.has(digest)),
    remove: (digest) =>
      Effect.sync(() => {
        contents.delete(digest)
      }),
  }
}
