/**
 * Stores of blobs: a directory, and memory.
 *
 * ```ts
 * const blobs = BlobStores.layerDirectory({ directory: "/var/lib/runlease/blobs" })
 *
 * Worker.layer({ workerKey: "ada" }).pipe(Layer.provide(blobs), Layer.provide(NodeContext.layer))
 * ```
 *
 * Source: docs/decisions/0168-large-values.md
 */
import type { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Blobs, type BlobsUnavailable, defaultMaxSize } from "@runlease/core/Blobs"
import { Effect, Layer } from "effect"
import * as Directory from "./internal/Directory.js"
import * as Memory from "./internal/Memory.js"

/**
 * `maxSize`: the most bytes of a blob. Default: 64 MiB.
 *
 * Units: bytes.
 */
export interface Options {
  readonly maxSize?: number | undefined
}

/** `directory` is made where it is missing. Workers on several machines share one directory, such as a mounted one. */
export interface DirectoryOptions extends Options {
  readonly directory: string
}

/**
 * A file for each blob, whose name is the digest. A file gets its name once all of it is on the disk, so none is there in part, whatever dies.
 *
 * Fails: where the directory cannot be made.
 */
export const layerDirectory = ({
  directory,
  maxSize = defaultMaxSize,
}: DirectoryOptions): Layer.Layer<Blobs, BlobsUnavailable, FileSystem | Path> =>
  Layer.effect(Blobs, Directory.make(directory, maxSize))

/** Blobs in the memory of this process, for tests. */
export const layerMemory = ({ maxSize = defaultMaxSize }: Options = {}): Layer.Layer<Blobs> =>
  Layer.effect(
    Blobs,
    Effect.sync(() => Memory.make(maxSize)),
  )
