/**
 * The files of a built site: their types, encodings and caching, and the policy of its pages. The dashboard and the documentation are
 * served by it.
 */
import type * as Error from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Path from "@effect/platform/Path"
import { Effect } from "effect"

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
}

/** A file as it is sent: its bytes by their encoding. They are read once, when they are first sent. */
export interface BuiltFile {
  readonly type: string
  readonly plain: Effect.Effect<Uint8Array>
  readonly br: Effect.Effect<Uint8Array> | undefined
  readonly gzip: Effect.Effect<Uint8Array> | undefined
  /** The name has a digest of the content, so the file never changes. */
  readonly immutable: boolean
}

/** The bytes that a compressed form has. */
const gunzip = (bytes: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const stream = new Blob([Uint8Array.from(bytes)]).stream().pipeThrough(new DecompressionStream("gzip"))
    return new Uint8Array(await new Response(stream).arrayBuffer())
  })

/**
 * The files below a folder by their paths, such as `/assets/app.js`. A file next to it with the ending `.br` or `.gz` is its compressed form; a
 * file may have the form `.gz` alone.
 *
 * Fails: where the folder cannot be read.
 */
export const list = (
  folder: string,
): Effect.Effect<ReadonlyMap<string, BuiltFile>, Error.PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const names = new Set(yield* fs.readDirectory(folder, { recursive: true }))
    const read = (name: string) => Effect.cached(Effect.orDie(fs.readFile(path.join(folder, name))))
    const files = new Map<string, BuiltFile>()
    const all = new Set(Array.from(names, (name) => name.replace(/\.(?:br|gz)$/, "")))
    for (const name of all) {
      const type = types[path.extname(name)]
      if (type === undefined) continue
      const gzip = names.has(`${name}.gz`) ? yield* read(`${name}.gz`) : undefined
      files.set(`/${name.split(path.sep).join("/")}`, {
        type,
        plain:
          gzip === undefined || names.has(name)
            ? yield* read(name)
            : yield* Effect.cached(Effect.flatMap(gzip, gunzip)),
        br: names.has(`${name}.br`) ? yield* read(`${name}.br`) : undefined,
        gzip,
        immutable: name.startsWith("assets"),
      })
    }
    return files
  })

const encodingOf = (accepted: string, { br, gzip, plain }: BuiltFile) => {
  if (br !== undefined && /\bbr\b/.test(accepted)) return { body: br, encoding: "br" }
  if (gzip !== undefined && /\bgzip\b/.test(accepted)) return { body: gzip, encoding: "gzip" }
  return { body: plain, encoding: undefined }
}

/** Answers a request with a file, in an encoding that the client accepts. */
export const respond = (
  { headers }: HttpServerRequest.HttpServerRequest,
  file: BuiltFile,
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const { body, encoding } = encodingOf(headers["accept-encoding"] ?? "", file)
  return Effect.map(body, (bytes) =>
    HttpServerResponse.uint8Array(bytes, {
      contentType: file.type,
      headers: {
        "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
        vary: "accept-encoding",
        "x-content-type-options": "nosniff",
        ...(encoding === undefined ? {} : { "content-encoding": encoding }),
      },
    }),
  )
}

/**
 * Headers of a page: it runs no script but files of the same origin and those that `scripts` names by their digests, loads nothing from another
 * origin, and is shown in no frame.
 */
export const pageHeaders = (scripts: ReadonlyArray<string> = []) => ({
  "cache-control": "no-cache",
  "content-security-policy": [
    "default-src 'none'",
    ["script-src 'self'", ...scripts].join(" "),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; "),
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
})

/** Whether a request reads, as requests for files do. */
export const isRead = ({ method }: HttpServerRequest.HttpServerRequest): boolean =>
  method === "GET" || method === "HEAD"

/** The path of a request below the place where the API is mounted. */
export const pathOf = ({ url }: HttpServerRequest.HttpServerRequest): string => {
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}
