/** What a store of blobs must do. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { BlobDigest, BlobNotFound, BlobRef, Blobs, BlobTooLarge } from "@runlease/core/Blobs"
import { Deferred, Effect, Either, Fiber, type Layer, Stream } from "effect"
import * as TestRuns from "./TestRuns.js"

const encoder = new TextEncoder()

const contentOf = (...pieces: ReadonlyArray<string>): Stream.Stream<Uint8Array> =>
  Stream.map(Stream.fromIterable(pieces), (piece) => encoder.encode(piece))

/** The SHA-256 of the bytes of "abc" and of no bytes, by FIPS 180. */
const abc = BlobDigest.make("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
const empty = BlobDigest.make("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
const absent = BlobDigest.make("0".repeat(64))

const put = <E>(content: Stream.Stream<Uint8Array, E>) => Effect.flatMap(Blobs, (blobs) => blobs.put(content))

const has = (digest: BlobDigest) => Effect.flatMap(Blobs, (blobs) => blobs.has(digest))

const read = (digest: BlobDigest) =>
  Effect.flatMap(Blobs, (blobs) =>
    Effect.map(Stream.runCollect(blobs.get(digest)), (chunks) => Buffer.concat(Array.from(chunks))),
  )

/** The most bytes of a blob in the stores that are tested. */
const maxSize = 3 * 1024 * 1024

/** Bytes that differ, in pieces that are larger than those that a store reads. */
const large = (size: number): Stream.Stream<Uint8Array> => {
  const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) % 251)
  return Stream.map(Stream.range(0, Math.ceil(size / 700_000) - 1), (index) =>
    bytes.subarray(index * 700_000, (index + 1) * 700_000),
  )
}

/**
 * Declares the tests of `Blobs`. `layer` makes an empty store for each test, which takes at most that many bytes.
 *
 * Units: `maxSize` is in bytes.
 */
export const suite = <E>(
  name: string,
  layer: (options: { readonly maxSize: number }) => Layer.Layer<Blobs, E>,
): void => {
  const test = TestRuns.tester(layer({ maxSize }))

  describe(`Blobs (${name})`, () => {
    test(
      "a content has the name of its SHA-256, however its bytes arrive",
      Effect.gen(function* () {
        deepStrictEqual(yield* put(contentOf("abc")), BlobRef.make({ digest: abc, size: 3 }))
        deepStrictEqual(yield* put(contentOf("a", "", "bc")), BlobRef.make({ digest: abc, size: 3 }))
        strictEqual((yield* read(abc)).toString(), "abc")
        strictEqual(yield* has(abc), true)
      }),
    )

    test(
      "a content without bytes is a content",
      Effect.gen(function* () {
        strictEqual(yield* has(empty), false)
        deepStrictEqual(yield* put(Stream.empty), BlobRef.make({ digest: empty, size: 0 }))
        strictEqual((yield* read(empty)).length, 0)
      }),
    )

    test(
      "a content that is not there is not found, and may be removed",
      Effect.gen(function* () {
        strictEqual(yield* has(absent), false)
        deepStrictEqual(yield* Effect.either(read(absent)), Either.left(new BlobNotFound({ digest: absent })))
        yield* Effect.flatMap(Blobs, (blobs) => blobs.remove(absent))
      }),
    )

    test(
      "a content that was removed is not found, and may be put again",
      Effect.gen(function* () {
        yield* put(contentOf("abc"))
        yield* put(contentOf("other"))
        yield* Effect.flatMap(Blobs, (blobs) => blobs.remove(abc))
        strictEqual(yield* has(abc), false)
        deepStrictEqual(yield* Effect.either(read(abc)), Either.left(new BlobNotFound({ digest: abc })))
        yield* put(contentOf("abc"))
        strictEqual((yield* read(abc)).toString(), "abc")
      }),
    )

    test(
      "the largest content comes back as it was, and one with a byte more is refused and leaves nothing",
      Effect.gen(function* () {
        const { digest, size } = yield* put(large(maxSize))
        strictEqual(size, maxSize)
        const all = Buffer.concat(Array.from(yield* Stream.runCollect(large(maxSize))))
        assertTrue(all.equals(yield* read(digest)))
        const over = Stream.concat(large(maxSize), contentOf("x"))
        deepStrictEqual(yield* Effect.either(put(over)), Either.left(new BlobTooLarge({ maxSize })))
        // The store still takes others.
        yield* put(contentOf("abc"))
      }),
    )

    test(
      "a content that fails leaves nothing, and its failure is that of the put",
      Effect.gen(function* () {
        const broken = Stream.concat(contentOf("abc"), Stream.fail("broken"))
        deepStrictEqual(yield* Effect.either(put(broken)), Either.left("broken"))
        strictEqual(yield* has(abc), false)
      }),
    )

    test(
      "a put that is interrupted leaves nothing",
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const endless = Stream.concat(
          contentOf("abc"),
          Stream.drain(Stream.fromEffect(Deferred.succeed(begun, undefined))),
        ).pipe(Stream.concat(Stream.never))
        const putting = yield* Effect.fork(put(endless))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(putting)
        strictEqual(yield* has(abc), false)
      }),
    )

    test(
      "the same content may be put several times at once",
      Effect.gen(function* () {
        const refs = yield* Effect.all(
          Array.from({ length: 8 }, () => put(large(1_000_000))),
          { concurrency: "unbounded" },
        )
        strictEqual(new Set(refs.map(({ digest }) => digest)).size, 1)
        strictEqual((yield* read(refs[0]!.digest)).length, 1_000_000)
      }),
    )
  })
}
