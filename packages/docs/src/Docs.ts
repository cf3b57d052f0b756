/**
 * Serves the documentation at `/docs`, in front of the API.
 *
 * The Markdown of each page is at the same address with `.md`, and `/docs/mcp` has all of it for clients of the Model Context Protocol. `/docs/api`
 * stays the page of the API's own description.
 *
 * Source: docs/decisions/0118-a-site.md, docs/decisions/0167-docs-over-mcp.md
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Path from "@effect/platform/Path"
import * as BuiltFiles from "@runlease/http/BuiltFiles"
import * as InlineScripts from "@runlease/http/InlineScripts"
import { Effect, Option } from "effect"
import * as Pages from "./internal/Pages.js"

const pathOf = (folder: string) =>
  Effect.flatMap(Path.Path, (path) => Effect.orDie(path.fromFileUrl(new URL(folder, import.meta.url))))

const ownFolder = pathOf("../dist/site")

const base = "/docs"

/** The address for clients of the Model Context Protocol, which send requests of other methods too. */
const mcpPath = `${base}/mcp`

/** Whether an address belongs to the site. The API answers for its own page. */
const isOwn = (path: string): boolean =>
  path === base || (path.startsWith(`${base}/`) && path !== `${base}/api`)

const redirectTo = (location: string) =>
  Effect.succeed(
    HttpServerResponse.redirect(location, { status: 308, headers: { "cache-control": "no-cache" } }),
  )

const notBuilt = HttpServerResponse.text(
  [
    "The documentation is not built in this checkout.",
    "",
    "  npx pnpm@10 site    builds it; then start the server again",
    "  docs/               has its pages",
    "  /docs/api           is the page of the HTTP API",
    "",
  ].join("\n"),
  { status: 404, headers: { "cache-control": "no-cache" } },
)

/** The built site: what answers for a path below `/docs`. */
const makeSite = (files: ReadonlyMap<string, BuiltFiles.BuiltFile>) =>
  Effect.gen(function* () {
    const policies = new Map<BuiltFiles.BuiltFile, Effect.Effect<ReadonlyArray<string>>>()
    for (const file of files.values()) {
      const digests = Effect.flatMap(file.plain, (bytes) =>
        InlineScripts.digests(new TextDecoder().decode(bytes)),
      )
      if (file.type.startsWith("text/html")) policies.set(file, yield* Effect.cached(digests))
    }
    const respond = (request: HttpServerRequest.HttpServerRequest, file: BuiltFiles.BuiltFile) =>
      Effect.zipWith(
        BuiltFiles.respond(request, file),
        policies.get(file) ?? Effect.succeed(undefined),
        (response, scripts) =>
          scripts === undefined
            ? response
            : HttpServerResponse.setHeaders(response, BuiltFiles.pageHeaders(scripts)),
      )
    return (request: HttpServerRequest.HttpServerRequest) => {
      const path = BuiltFiles.pathOf(request).slice(base.length)
      if (path === "") return redirectTo(`${base}/`)
      const page = path.endsWith("/") ? `${path}index.html` : `${path}.html`
      const file = files.get(page) ?? files.get(path)
      if (file !== undefined) return respond(request, file)
      if (files.has(`${path}/index.html`)) return redirectTo(`${base}${path}/`)
      const missing = files.get("/404.html")
      return missing === undefined
        ? Effect.succeed(HttpServerResponse.empty({ status: 404 }))
        : Effect.map(respond(request, missing), HttpServerResponse.setStatus(404))
    }
  })

/** What answers at `/docs/mcp`. Its index is made at the first request, by libraries that a server without one does not load. */
const makeMcp = (files: ReadonlyMap<string, BuiltFiles.BuiltFile>) =>
  Effect.gen(function* () {
    const pages = yield* Pages.read(base, files)
    const skills = yield* pathOf("../skills")
    const mcp = yield* Effect.promise(() => import("./internal/Mcp.js"))
    const answer = yield* Effect.promise(() => mcp.make({ pages, skills }))
    return (request: HttpServerRequest.HttpServerRequest) =>
      Effect.orDie(HttpServerRequest.toWeb(request)).pipe(
        Effect.flatMap((web) => Effect.promise(() => answer(web))),
        Effect.map(HttpServerResponse.fromWeb),
      )
  })

/** What answers for the site. Listing its files takes longer than the rest of a server's start, and few servers show it. */
const load = (folder: string | undefined) =>
  Effect.gen(function* () {
    const files = yield* Effect.option(BuiltFiles.list(folder ?? (yield* ownFolder)))
    const built = Option.filter(files, (all) => all.has("/index.html"))
    if (Option.isNone(built)) return () => Effect.succeed(notBuilt)
    const site = yield* makeSite(built.value)
    const context = yield* Effect.context<Path.Path>()
    const mcp = yield* Effect.cached(Effect.uninterruptible(Effect.provide(makeMcp(built.value), context)))
    return (request: HttpServerRequest.HttpServerRequest) =>
      BuiltFiles.pathOf(request) === mcpPath
        ? Effect.flatMap(mcp, (respond) => respond(request))
        : site(request)
  })

/**
 * The API with the documentation in front of it, at `/docs` of its origin: the links of the built pages begin there. `folder` has another
 * build. Its files are listed at the first request for one. Where none is built, as in a new checkout, `/docs` says how to build it.
 */
export const inFront = ({ folder }: { readonly folder?: string | undefined } = {}) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
    // A first reader that leaves does not leave its interruption to the next.
    const site = yield* Effect.cached(Effect.uninterruptible(Effect.provide(load(folder), context)))
    return <E, R>(
      api: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const path = BuiltFiles.pathOf(request)
        return path === mcpPath || (BuiltFiles.isRead(request) && isOwn(path))
          ? Effect.flatMap(site, (respond) => respond(request))
          : api
      })
  })
