/**
 * Serves the documentation at `/docs`, in front of the API.
 *
 * The Markdown of each page is at the same address with `.md`. `/docs/api` stays the page of the API's own
 * description.
 *
 * Source: docs/decisions/0118-a-site.md
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Path from "@effect/platform/Path"
import * as BuiltFiles from "@runlease/http/BuiltFiles"
import * as InlineScripts from "@runlease/http/InlineScripts"
import { Effect, Option } from "effect"

const ownFolder = Effect.flatMap(Path.Path, (path) =>
  Effect.orDie(path.fromFileUrl(new URL("../dist/site", import.meta.url))),
)

const base = "/docs"

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

/** What answers for the site. Listing its files takes longer than the rest of a server's start, and few servers show it. */
const load = (folder: string | undefined) =>
  Effect.gen(function* () {
    const files = yield* Effect.option(BuiltFiles.list(folder ?? (yield* ownFolder)))
    const built = Option.filter(files, (all) => all.has("/index.html"))
    return Option.isSome(built) ? yield* makeSite(built.value) : () => Effect.succeed(notBuilt)
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
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        BuiltFiles.isRead(request) && isOwn(BuiltFiles.pathOf(request))
          ? Effect.flatMap(site, (respond) => respond(request))
          : api,
      )
  })
