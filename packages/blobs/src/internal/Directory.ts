/** Blobs as files of a directory. What is written lies in `incoming` until it is whole. */
import type { PlatformError } from "@effect/platform/Error"
import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { type BlobDigest, BlobNotFound, type Blobs, BlobsUnavailable } from "@runlease/core/Blobs"
import * as Ids from "@runlease/core/Ids"
import { Clock, Duration, Effect, Option, Stream } from "effect"
import * as Content from "./Content.js"

/** A file in `incoming` that is older belongs to a process that has died. */
const maxAge = Duration.days(1)

/** How many bytes are read at once. */
const chunkSize = 256 * 1024

const unavailable = (error: PlatformError): BlobsUnavailable =>
  new BlobsUnavailable({ message: `The directory of blobs cannot be used: ${error.message}` })

const isMissing = (error: PlatformError): boolean =>
  error._tag === "SystemError" && error.reason === "NotFound"

export const make = (
  directory: string,
  maxSize: number,
): Effect.Effect<Blobs["Type"], BlobsUnavailable, FileSystem | Path> =>
  Effect.gen(function* () {
    const files = yield* FileSystem
    const path = yield* Path
    const incoming = path.join(directory, "incoming")
    const pathOf = (digest: BlobDigest) => path.join(directory, digest)

    const removeOld = (name: string, now: number) => {
      const file = path.join(incoming, name)
      return Effect.flatMap(files.stat(file), ({ mtime }) =>
        Option.exists(mtime, (written) => now - written.getTime() > Duration.toMillis(maxAge))
          ? files.remove(file, { force: true })
          : Effect.void,
      )
    }

    /** Puts the names in a directory on the disk. */
    const syncNames = (folder: string) =>
      Effect.scoped(Effect.flatMap(files.open(folder, { flag: "r" }), (opened) => opened.sync))

    /** Whether the file of a content is there in full. One of another size was damaged, and is replaced. */
    const isWhole = (file: string, size: number) =>
      files.stat(file).pipe(
        Effect.map((info) => info.size === BigInt(size)),
        Effect.catchIf(isMissing, () => Effect.succeed(false)),
      )

    const put = <E, R>(content: Stream.Stream<Uint8Array, E, R>) =>
      Effect.scoped(
        Effect.gen(function* () {
          const written = path.join(incoming, yield* Ids.uuidV7)
          // A file that has its final name is not there any more.
          yield* Effect.addFinalizer(() => Effect.ignore(files.remove(written, { force: true })))
          const meter = Content.meter(maxSize)
          const write = Effect.gen(function* () {
            const file = yield* Effect.mapError(files.open(written, { flag: "wx" }), unavailable)
            // `writeAll` fails where it has nothing to write.
            const pieces = Stream.filter(content, (bytes) => bytes.length > 0)
            yield* Stream.runForEach(pieces, (bytes) =>
              Effect.zipRight(meter.add(bytes), Effect.mapError(file.writeAll(bytes), unavailable)),
            )
            const ref = meter.ref()
            const isThere = yield* Effect.mapError(isWhole(pathOf(ref.digest), ref.size), unavailable)
            if (!isThere) yield* Effect.mapError(file.sync, unavailable)
            return { ref, isThere }
          })
          const { isThere, ref } = yield* Effect.scoped(write)
          if (!isThere) yield* Effect.mapError(files.rename(written, pathOf(ref.digest)), unavailable)
          // The name of a file that is there may not be on the disk yet, where another process has just put it.
          yield* Effect.mapError(syncNames(directory), unavailable)
          return ref
        }),
      )

    const read = (digest: BlobDigest) =>
      Stream.mapError(files.stream(pathOf(digest), { chunkSize }), (error) =>
        isMissing(error) ? new BlobNotFound({ digest }) : unavailable(error),
      )

    yield* Effect.mapError(files.makeDirectory(incoming, { recursive: true }), unavailable)
    const now = yield* Clock.currentTimeMillis
    // Another process may remove the same file.
    yield* Effect.flatMap(Effect.mapError(files.readDirectory(incoming), unavailable), (names) =>
      Effect.forEach(names, (name) => Effect.ignore(removeOld(name, now)), { discard: true }),
    )

    return {
      put,
      get: (digest) => Content.checked(digest, read(digest)),
      has: (digest) => Effect.mapError(files.exists(pathOf(digest)), unavailable),
      remove: (digest) => Effect.mapError(files.remove(pathOf(digest), { force: true }), unavailable),
    }
  })
