/**
 * What the code of an agent calls the outside with, replaced by something that sees each request: each `HttpClient` of its layer, and `fetch`.
 */
import { Context, Effect, Layer, Predicate, type Scope } from "effect"
import { callSites } from "../executor/CallSites.js"

/** A request. Names of headers are in lower case. `body`: its text, where it has one that can be had. `at`: the place in the source. */
export interface Request {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly at: string | undefined
}

/** What takes the place of a request of an `HttpClient`: `send` sends it. */
export interface Intercept {
  (request: Request, send: Effect.Effect<unknown, unknown, unknown>): Effect.Effect<unknown, unknown, unknown>
}

/** A request of `HttpClient`. */
interface ClientRequest {
  readonly method: string
  readonly url: string
  readonly urlParams?: Iterable<readonly [string, string]>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: { readonly body?: unknown }
}

/** `HttpClient` of `@effect/platform`, which this package does not depend on, as other clients are made of it. */
interface Client {
  readonly preprocess: (request: ClientRequest) => Effect.Effect<ClientRequest, unknown, unknown>
  readonly postprocess: (
    request: Effect.Effect<ClientRequest, unknown, unknown>,
  ) => Effect.Effect<unknown, unknown, unknown>
}

const httpClient = Context.GenericTag<never, Client>("@effect/platform/HttpClient")

const textOf = (body: unknown): string | undefined => {
  if (typeof body === "string") return body
  if (body instanceof URLSearchParams) return body.toString()
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : undefined
}

const ofClient = (request: ClientRequest, at: string | undefined): Request => {
  const params = new URLSearchParams(
    Array.from(request.urlParams ?? [], ([name, value]): [string, string] => [name, value]),
  )
  return {
    method: request.method,
    url: params.size === 0 ? request.url : `${request.url}?${params.toString()}`,
    headers: request.headers,
    body: textOf(request.body?.body),
    at,
  }
}

const replaced = (client: Client, intercept: Intercept): Client => {
  const postprocess: Client["postprocess"] = (request) => {
    const at = callSites.read?.()
    return Effect.flatMap(request, (ready) =>
      intercept(ofClient(ready, at), client.postprocess(Effect.succeed(ready))),
    )
  }
  return Object.assign(Object.create(client) as Client, {
    postprocess,
    execute: (request: ClientRequest) => postprocess(client.preprocess(request)),
  })
}

const isClient = (service: unknown): service is Client =>
  Predicate.hasProperty(service, "preprocess") && Predicate.hasProperty(service, "postprocess")

const replaceIn = <A>(context: Context.Context<A>, intercept: Intercept): Context.Context<A> => {
  const client: unknown = context.unsafeMap.get(httpClient.key)
  return isClient(client) ? Context.add(context, httpClient, replaced(client, intercept)) : context
}

/** What a `MemoMap` of Effect does, which its type hides. */
interface Memoizing {
  readonly getOrElseMemoize: (layer: unknown, scope: Scope.Scope) => Effect.Effect<Context.Context<never>>
}

/** Builds a layer, in which each `HttpClient` that a layer provides is replaced: also one that another service of it keeps. */
export const build = <A, E>(
  layer: Layer.Layer<A, E>,
  intercept: Intercept,
): Effect.Effect<Context.Context<A>, E, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const memoMap = yield* Layer.makeMemoMap
    // The map builds the layers of a layer by itself, so the clients of those are replaced too.
    const memoizing = memoMap as unknown as Memoizing
    const replacing = Object.assign(Object.create(memoMap) as Layer.MemoMap & Memoizing, {
      getOrElseMemoize: (one: unknown, of: Scope.Scope): ReturnType<Memoizing["getOrElseMemoize"]> =>
        Effect.map(memoizing.getOrElseMemoize.call(replacing, one, of), (context) =>
          replaceIn(context, intercept),
        ),
    })
    return yield* Layer.buildWithMemoMap(layer, replacing, scope)
  })

const ofFetch = (input: Parameters<typeof fetch>[0], init: RequestInit = {}): Request => {
  const isRequest = typeof input !== "string" && !(input instanceof URL)
  return {
    method: (init.method ?? (isRequest ? input.method : "GET")).toUpperCase(),
    url: typeof input === "string" ? input : input instanceof URL ? input.href : input.url,
    headers: Object.fromEntries(new Headers(init.headers ?? (isRequest ? input.headers : {}))),
    body: textOf(init.body),
    at: callSites.read?.(),
  }
}

/** Replaces `fetch` in this process until the Scope closes. */
export const replaceFetch = (
  intercept: (request: Request, send: () => Promise<Response>) => Promise<Response>,
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = globalThis.fetch
        globalThis.fetch = (input, init) => intercept(ofFetch(input, init), () => before(input, init))
        return before
      }),
      (before) => Effect.sync(() => (globalThis.fetch = before)),
    ),
  )

/** A request without what may be secret: user, password, query and fragment of its URL. */
export const shown = ({ method, url }: Pick<Request, "method" | "url">): string => {
  if (!URL.canParse(url)) return `${method} ${url.replace(/[?#].*/s, "")}`
  const { origin, pathname } = new URL(url)
  return `${method} ${origin}${pathname}`
}
