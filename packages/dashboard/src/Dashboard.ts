/**
 * Serves the built pages of the dashboard in front of the API.
 *
 * A browser that opens an address gets the page, and the page requests JSON from the API at the same address: a client that accepts HTML gets the
 * page. So each view has one URL, below whatever prefix the API is mounted.
 *
 * Source: docs/decisions/0072-dashboard.md
 */
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
  return files
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

/**
 * The API with the dashboard in front of it. `prefix` is where both are mounted, for the links of the page. Without the built pages,
 * as in a checkout that was not built, it is the API alone, and a warning says so when a browser requests a page.
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
      .decode(yield* index.value.plain)
      .replace(`<base href="/" />`, `<base href="${base}/" />`)
    return <E, R>(
      api: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const path = BuiltFiles.pathOf(request)
        const file = path === "/index.html" ? undefined : files.value.get(path)
        if (file !== undefined && BuiltFiles.isRead(request)) return BuiltFiles.respond(request, file)
        return wantsPage(request) ? Effect.succeed(pageResponse(html)) : api
      })
  })
