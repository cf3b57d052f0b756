/**
 * Serves the built pages of the dashboard in front of the API.
 *
 * A browser that opens an address gets the page, and the page requests JSON from the API at the same address: a client that accepts HTML gets the
 * page. So each view has one URL, below whatever prefix the API is mounted.
 *
 * Source: docs/decisions/0072-dashboard.md
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Path from "@effect/platform/Path"
import * as BuiltFiles from "@runlease/http/BuiltFiles"
import { Effect, Option } from "effect"

const folder = Effect.flatMap(Path.Path, (path) =>
  Effect.orDie(path.fromFileUrl(new URL("../dist/web", import.meta.url))),
)

/** All files, read. A page of one build never gets a part of the next, which is built while the server runs. */
const readAll = Effect.gen(function* () {
  const files = yield* BuiltFiles.list(yield* folder)
  for (const { br, gzip, plain } of files.values()) {
    yield* Effect.all([plain, br ?? Effect.void, gzip ?? Effect.void])
  }
  const index = files.get("/index.html")
  return index === undefined
    ? Option.none()
    : Option.some({ files, html: new TextDecoder().decode(yield* index.plain) })
})

const pageResponse = (html: string) =>
  HttpServerResponse.text(html, {
    contentType: "text/html; charset=utf-8",
    headers: { ...BuiltFiles.pageHeaders(), vary: "accept" },
  })

/** Whether an address of the API is a page itself. */
const isApiPage = (path: string): boolean =>
  path === "/openapi.json" || path === "/docs" || path.startsWith("/docs/")

/** Whether a browser requests a page of the dashboard. */
const wantsPage = (request: HttpServerRequest.HttpServerRequest): boolean =>
  BuiltFiles.isRead(request) &&
  (request.headers["accept"] ?? "").includes("text/html") &&
  !isApiPage(BuiltFiles.pathOf(request))

/** Whether a request may be for a file: each has an ending. Requests of the API rarely do. */
const mayNameFile = (request: HttpServerRequest.HttpServerRequest): boolean =>
  BuiltFiles.isRead(request) &&
  /\.[a-z\d]+$/.test(BuiltFiles.pathOf(request)) &&
  !isApiPage(BuiltFiles.pathOf(request))

/**
 * The API with the dashboard in front of it. `prefix` is where both are mounted, for the links of the page. Its files are read at the first
 * request for one of them or for a page. Without the built pages, as in a checkout that was not built, it is the API alone, and a warning
 * says so when a browser requests a page.
 */
export const inFront = ({ prefix = "" }: { readonly prefix?: string | undefined } = {}) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
    const warning = yield* Effect.once(
      Effect.logWarning("The dashboard is not built; build it with `pnpm pages`"),
    )
    // A first reader that leaves does not leave its interruption to the next.
    const built = yield* Effect.cached(
      Effect.uninterruptible(
        Effect.provide(
          Effect.orElseSucceed(readAll, () => Option.none()),
          context,
        ),
      ),
    )
    const base = prefix.replace(/\/+$/, "")
    return <E, R>(
      api: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const isPage = wantsPage(request)
        if (!isPage && !mayNameFile(request)) return api
        return Effect.flatMap(built, (found) => {
          if (Option.isNone(found)) return isPage ? Effect.zipRight(warning, api) : api
          const { files, html } = found.value
          const path = BuiltFiles.pathOf(request)
          const file = path === "/index.html" ? undefined : files.get(path)
          if (file !== undefined) return BuiltFiles.respond(request, file)
          return isPage
            ? Effect.succeed(pageResponse(html.replace(`<base href="/" />`, `<base href="${base}/" />`)))
            : api
        })
      })
  })
