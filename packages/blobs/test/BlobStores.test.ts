import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { BlobDamaged, BlobDigest, Blobs, BlobsUnavailable } from "@runlease/core/Blobs"
import * as BlobsSuite from "@runlease/testkit/BlobsSuite"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Either, Layer, Stream, TestClock } from "effect"
import { BlobStores } from "../src/index.js"

const directory = (options: BlobStores.Options) =>
  Layer.unwrapScoped(
    Effect.map(
      Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped()),
      (path) => BlobStores.layerDirectory({ directory: `${path}/new/blobs`, ...options }),
    ),
  ).pipe(Layer.provide(NodeContext.layer))

BlobsSuite.suite("directory", directory)
BlobsSuite.suite("memory", BlobStores.layerMemory)

const content = (text: string) => Stream.make(new TextEncoder().encode(text))
const abc = BlobDigest.make("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
const read = (blobs: Blobs["Type"]) => Effect.either(Stream.runCollect(blobs.get(abc)))

describe("a directory of blobs", () => {
  const test = TestRuns.tester(NodeContext.layer)

  /** A new directory, and how to open it. */
  const opened = Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = yield* files.makeTempDirectoryScoped()
    const open = Effect.map(
      Layer.build(BlobStores.layerDirectory({ directory: path })),
      (context) => context.unsafeMap.get(Blobs.key) as Blobs["Type"],
    )
    return { files, path, open, file: `${path}/${abc}` }
  })

  test(
    "leaves a content as it is that is put again, also by another process, and no file besides",
    Effect.gen(function* () {
      const { file, files, open, path } = yield* opened
      yield* (yield* open).put(content("abc"))
      const { ino, mtime } = yield* files.stat(file)
      yield* (yield* open).put(content("abc"))
      const again = yield* files.stat(file)
      deepStrictEqual([again.ino, again.mtime], [ino, mtime])
      deepStrictEqual(yield* files.readDirectory(path, { recursive: true }), [abc, "incoming"])
    }),
  )

  test(
    "finds a damaged content when it is read, and mends a shorter one when it is put again",
    Effect.gen(function* () {
      const { file, files, open } = yield* opened
      const blobs = yield* open
      yield* blobs.put(content("abc"))
      for (const damaged of ["abd", "ab", ""]) {
        yield* files.writeFileString(file, damaged)
        deepStrictEqual(yield* read(blobs), Either.left(new BlobDamaged({ digest: abc })))
      }
      yield* blobs.put(content("abc"))
      assertTrue(Either.isRight(yield* read(blobs)))
    }),
  )

  test(
    "has nothing of a put that died, whose file it removes a day later",
    Effect.gen(function* () {
      const { files, open, path } = yield* opened
      yield* open
      for (const name of ["old", "new"]) yield* files.writeFileString(`${path}/incoming/${name}`, "ab")
      yield* files.utimes(`${path}/incoming/old`, 0, 0)
      yield* files.utimes(`${path}/incoming/new`, 3600, 3600)
      yield* TestClock.setTime(24.5 * 3_600_000)
      strictEqual(yield* (yield* open).has(abc), false)
      deepStrictEqual(yield* files.readDirectory(`${path}/incoming`), ["new"])
    }),
  )

  test(
    "says that it cannot be used where it is a file",
    Effect.gen(function* () {
      const { files, path } = yield* opened
      yield* files.writeFileString(`${path}/file`, "")
      const error = yield* Effect.flip(Layer.build(BlobStores.layerDirectory({ directory: `${path}/file` })))
      assertTrue(error instanceof BlobsUnavailable)
      assertTrue(error.message.startsWith("The directory of blobs cannot be used: "))
    }),
  )
})
