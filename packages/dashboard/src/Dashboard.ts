/**
 * Serves the built pages of the dashboard in front of the API.
 *
 * A browser that opens an address gets the page, and the page requests JSON from the API at the same address: a client that accepts HTML gets the
 * page. So each view has one URL, below whatever prefix the API is mounted.
 *
 * Source: docs/decisions/0072-dashboard.md
 *
 * @since 0.1.0
 */
import { FileSystem, Headers, HttpServerRequest, HttpServerResponse, Path } from "@effect/platform"
import { Effect, Option } from "effect"

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
}

/** No script but the page's own files, no other origin, and no frame around it. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ")

/** A file as it is sent: its bytes by their encoding. */
interface File {
  readonly type: string
  readonly plain: Uint8Array
  readonly br: Uint8Array | undefined
  readonly gzip: Uint8Array | undefined
  /** The name has a digest of the content, so the file never changes. */
  readonly immutable: boolean
}

const folder = Effect.flatMap(Path.Path, (path) =>
  Effect.orDie(path.fromFileUrl(new URL("../dist/web", import.meta.url))),
)

const readAll = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* folder
  const names = yield* fs.readDirectory(root, { recursive: true })
  const optional = (file: string) => Effect.map(Effect.option(fs.readFile(file)), Option.getOrUndefined)
  const files = new Map<string, File>()
  for (const name of names) {
    const type = types[path.extname(name)]
    if (type === undefined) continue
    const file = path.join(root, name)
    files.set(`/${name.split(path.sep).join("/")}`, {
      type,
      plain: yield* fs.readFile(file),
      br: yield* optional(`${file}.br`),
      gzip: yield* optional(`${file}.gz`),
      immutable: name.startsWith("assets"),
    })
  }
  return files as ReadonlyMap<string, File>
})

const encodingOf = (headers: Headers.Headers, { br, gzip, plain }: File) => {
  const accepted = headers["accept-encoding"] ?? ""
  if (br !== undefined && /\bbr\b/.test(accepted)) return { body: br, encoding: "br" }
  if (gzip !== undefined && /\bgzip\b/.test(accepted)) return { body: gzip, encoding: "gzip" }
  return { body: plain, encoding: undefined }
}

const fileResponse = (request: HttpServerRequest.HttpServerRequest, file: File) => {
  const { body, encoding } = encodingOf(request.headers, file)
  return HttpServerResponse.uint8Array(body, {
    contentType: file.type,
    headers: {
      "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
      vary: "accept-encoding",
      "x-content-type-options": "nosniff",
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
  })
}

const pageResponse = (html: string) =>
  HttpServerResponse.text(html, {
    contentType: "text/html; charset=utf-8",
    headers: {
      "cache-control": "no-cache",
      "content-security-policy": policy,
      "referrer-policy": "no-referrer",
      vary: "accept",
      "x-content-type-options": "nosniff",
    },
  })

/** Addresses of the API that are pages themselves. */
const apiPages = new Set(["/docs", "/openapi.json"])

/** The path of a request below the place where the API is mounted. */
const pathOf = ({ url }: HttpServerRequest.HttpServerRequest): string => {
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}

/** Whether a browser asks for a page of the dashboard. */
const wantsPage = (request: HttpServerRequest.HttpServerRequest): boolean =>
  (request.method === "GET" || request.method === "HEAD") &&
  (request.headers["accept"] ?? "").includes("text/html") &&
  !apiPages.has(pathOf(request))

/**
 * The API with the dashboard in front of it. `prefix` is where both are mounted, for the links of the page. Without the built pages,
 * as in a checkout that was not built, it is the API alone, and a warning says so when a browser asks for a page.
 *
 * @since 0.1.0
 * @category constructors
 */
export const inFront = ({ prefix = "" }: { readonly prefix?: string | undefined } = {}) =>
  Effect.gen(function* () {
    const files = yield* Effect.option(readAll)
    const index = Option.flatMapNullable(files, (all) => all.get("/index.html"))
    if (Option.isNone(files) || Option.isNone(index)) {
      const warning = yield* Effect.once(
        Effect.logWarning("The dashboard is not built; build it with `pnpm pages`"),
      )
      return <E, R>(
        api: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
      ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
          wantsPage(request) ? Effect.zipRight(warning, api) : api,
        )
    }
    const base = prefix.replace(/\/+$/, "")
    const html = new TextDecoder()
      .decode(index.value.plain)
      .replace(`<base href="/" />`, `<base href="${base}/" />`)
    return <E, R>(
      api: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const path = pathOf(request)
        const file = path === "/index.html" ? undefined : files.value.get(path)
        if (file !== undefined && (request.method === "GET" || request.method === "HEAD")) {
          return Effect.succeed(fileResponse(request, file))
        }
        return wantsPage(request) ? Effect.succeed(pageResponse(html)) : api
      })
  })
