/** Serves an agent's requests to read and write files in its working folder. */
import type {
  ReadTextFileRequest,
  ReadTextFileResponse,
  RequestError,
  WriteTextFileRequest,
  WriteTextFileResponse,
} from "@agentclientprotocol/sdk"
import { Effect } from "effect"
import { constants } from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { dirname } from "node:path"
import * as Confinement from "./Confinement.js"

/** A path that became a link after its check is not followed, and opening a pipe does not block. */
const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK

const withFile = <A>(
  path: string,
  mode: number,
  use: (file: FileHandle) => Promise<A>,
): Effect.Effect<A, RequestError> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({
      try: () => open(path, mode | flags, 0o666),
      catch: (error) => Confinement.fileError(path, error),
    }),
    (file) =>
      Effect.gen(function* () {
        const stat = yield* Effect.tryPromise({
          try: () => file.stat(),
          catch: (error) => Confinement.fileError(path, error),
        })
        if (!stat.isFile()) return yield* Effect.fail(Confinement.refuse(`${path} is not a file`))
        return yield* Effect.tryPromise({
          try: () => use(file),
          catch: (error) => Confinement.fileError(path, error),
        })
      }),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close())),
  )

/** At most `limit` lines, from `line` on, which counts from 1. */
const slice = (text: string, line: number | null | undefined, limit: number | null | undefined): string => {
  if (line == null && limit == null) return text
  const lines = text.split(/(?<=\n)/)
  const from = Math.max(1, line ?? 1) - 1
  return lines.slice(from, limit == null ? undefined : from + Math.max(0, limit)).join("")
}

export const make = (root: string, maxBytes: number) => ({
  readTextFile: (request: ReadTextFileRequest): Effect.Effect<ReadTextFileResponse, RequestError> =>
    Effect.gen(function* () {
      const path = yield* Confinement.resolve(root, request.path)
      const bytes = yield* withFile(path, constants.O_RDONLY, async (file) => {
        const { size } = await file.stat()
        return size > maxBytes ? undefined : await file.readFile()
      })
      return bytes === undefined
        ? yield* Effect.fail(Confinement.refuse(`${request.path} is larger than ${maxBytes} bytes`))
        : { content: slice(bytes.toString("utf8"), request.line, request.limit) }
    }),

  writeTextFile: (request: WriteTextFileRequest): Effect.Effect<WriteTextFileResponse, RequestError> =>
    Effect.gen(function* () {
      const path = yield* Confinement.resolve(root, request.path)
      yield* Effect.tryPromise({
        try: () => mkdir(dirname(path), { recursive: true }),
        catch: (error) => Confinement.fileError(request.path, error),
      })
      yield* withFile(path, constants.O_WRONLY | constants.O_CREAT, async (file) => {
        // The open descriptor is a regular file, so truncation is safe.
        await file.truncate(0)
        await file.writeFile(request.content)
      })
      return {}
    }),
})
