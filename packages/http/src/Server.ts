/** The contract, served over any control plane. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerRespondable from "@effect/platform/HttpServerRespondable"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import { type Access } from "@runlease/core"
import { Context, type Duration, Effect, Layer, Option, Scope } from "effect"
import * as Api from "./Api.js"
import * as AgentForms from "./server/AgentForms.js"
import * as Cors from "./server/Cors.js"
import { AllowedOrigins } from "./server/Cors.js"
import * as Middleware from "./server/Middleware.js"

import * as AgUi from "./server/AgUi.js"
import * as Callbacks from "./server/Callbacks.js"
import * as InputRequests from "./server/InputRequests.js"
import * as Callers from "./server/Callers.js"

import * as Conversations from "./server/Conversations.js"
import type * as Face from "./server/Face.js"

import * as Health from "./server/Health.js"
import * as HotRoutes from "./server/HotRoutes.js"
import * as Keys from "./server/Keys.js"
import * as Limits from "./server/Limits.js"
import * as Observe from "./server/Observe.js"
import * as Outbox from "./server/Outbox.js"
import * as ProjectTopics from "./server/ProjectTopics.js"
import * as ProjectPorts from "./server/ProjectPorts.js"

import * as MethodNotAllowed from "./server/MethodNotAllowed.js"

import * as OpenStreams from "./server/OpenStreams.js"
import * as Bodies from "./server/Bodies.js"
import * as Rebuilds from "./server/Rebuilds.js"
import * as ErrorResponse from "./server/ErrorResponse.js"
import * as LongRequests from "./server/LongRequests.js"

import * as Session from "./server/Session.js"
import * as StreamTurns from "./server/StreamTurns.js"
import * as RunPages from "./server/RunPages.js"
import * as Rollouts from "./server/Rollouts.js"
import * as Runs from "./server/Runs.js"
import * as Bulk from "./server/Bulk.js"
import * as Schedules from "./server/Schedules.js"
import * as Threads from "./server/Threads.js"
import * as Tokens from "./server/Tokens.js"
import * as Usage from "./server/Usage.js"
import * as Views from "./server/Views.js"
import * as Webhooks from "./server/Webhooks.js"
import * as WebhookSources from "./server/WebhookSources.js"
import * as Workers from "./server/Workers.js"

/** What answers some requests before the API does. */
export type InFront = <E, R>(
  api: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>

export interface ServerOptions<E = never, R = never> {
  /** How many requests a second each caller may send, and at once; 5,000 when absent, `Infinity` for no limit. */
  readonly rateLimit?: number | undefined
  /**
   * How many requests may be open at once, streams and waits above all, a quarter of them for each caller; 16,384 when absent. Each takes up to
   * 80 KiB. Those of workers do not count.
   */
  readonly openRequests?: number | undefined
  /** How long the body of a request may take to arrive; 1 minute when absent. */
  readonly bodyTimeout?: Duration.DurationInput | undefined
  /** How many bytes the bodies of all requests may take at once, a quarter of them for each caller; 256 MiB when absent. */
  readonly bodyMemory?: number | undefined
  /** The origins of pages that may call the API from a browser, `*` for any; none when absent. */
  readonly corsOrigins?: ReadonlyArray<string> | undefined
  /** Whether each request has a line in the log; false when absent. */
  readonly logRequests?: boolean | undefined
  /** What `GET /metrics` answers to anyone, in the text format of Prometheus; there is nothing there when absent. */
  readonly metrics?: Effect.Effect<string> | undefined
  /** Identifies callers; by their tokens when absent. */
  readonly authentication?: Layer.Layer<Callers.Authentication, E, R> | undefined
  /** Other protocols over the same runs, such as `A2aFace.face` of `@runlease/http-a2a`; none when absent. */
  readonly faces?: ReadonlyArray<Face.Face> | undefined
  /** The address of this server as third parties reach it, for callbacks; that of each request when absent. */
  readonly publicUrl?: string | undefined
  /** What answers some requests before the API does, such as the pages of a dashboard. */
  readonly inFront?: InFront | undefined
}

const handlers = Layer.mergeAll(
  AgUi.layer,
  Conversations.layer,
  Workers.exchangeLayer,
  Health.layer,
  Keys.layer,
  Layer.provide(Observe.layer, [ProjectTopics.layer, RunPages.layer]),
  Runs.layer,
  Schedules.layer,
  Bulk.layer,
  Callbacks.layer,
  InputRequests.layer,
  Session.layer,
  Threads.layer,
  Tokens.layer,
  Usage.layer,
  Limits.layer,
  Rollouts.layer,
  Outbox.layer,
  Webhooks.layer,
  WebhookSources.layer,
  Workers.layer,
)

/** What finds the callers of requests and reads their bodies, for the router and for what is before it. */
const before = <E, R>({ authentication, bodyTimeout, rateLimit }: ServerOptions<E, R>) => {
  const identified: Layer.Layer<Callers.Authentication, E, Access.Access | R> =
    authentication ?? Callers.authenticationLayer
  return Layer.mergeAll(
    Layer.provideMerge(Layer.provide(Callers.layer, identified), Callers.rateLimitLayer(rateLimit ?? 5000)),
    Layer.provide(LongRequests.revocationLayer, identified),
    Bodies.layer(bodyTimeout ?? "1 minute"),
    ProjectPorts.layer,
  )
}

// The API's own errors have no common shape, so its routes are typed without them; `around` answers for all.
const api = (faces: ReadonlyArray<Face.Face>) =>
  HttpApiBuilder.Router.unwrap((built) =>
    HttpLayerRouter.addAll(
      Array.from(built.routes).flatMap(({ handler, method, path }) =>
        // HEAD is answered by what answers GET.
        method === "HEAD"
          ? []
          : [HttpLayerRouter.route(method, path, Effect.flatMap(handler, HttpServerRespondable.toResponse))],
      ),
    ),
  ).pipe(
    Layer.provide(
      Layer.mergeAll(handlers, ...faces.map(({ layer }) => layer)).pipe(
        Layer.provide([AgentForms.layer, Callers.middleware, Bodies.middleware]),
      ),
    ),
  )

/** The API for the page that sends requests: its text, which is Markdown, ends with the way to the documentation. */
const withWayBack = (api: ReturnType<typeof Api.withFaces>, url: string) => {
  const text = Option.getOrElse(Context.getOption(api.annotations, OpenApi.Description), () => "")
  return api.annotate(OpenApi.Description, `${text}\n\n[All documentation](${url.replace(/\/$/, "")}/docs)`)
}

/** The description of the API, which is at `url`. It is made when it is first read. */
const description = (url: string, faces: ReadonlyArray<Face.Face>) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const described = yield* Effect.cached(
        Effect.sync(() => Api.withFaces(faces).annotate(OpenApi.Servers, [{ url }])),
      )
      const document = yield* Effect.cached(
        Effect.map(described, (api) =>
          HttpServerResponse.unsafeJson(OpenApi.fromApi(api, { additionalPropertiesStrategy: "allow" })),
        ),
      )
      // Two megabytes, loaded for their first reader.
      const page = yield* Effect.promise(() => import("@effect/platform/HttpApiSwagger")).pipe(
        Effect.zip(described),
        Effect.flatMap(([{ layerHttpLayerRouter }, api]) =>
          HttpLayerRouter.toHttpEffect(layerHttpLayerRouter({ api: withWayBack(api, url), path: "/docs" })),
        ),
        // It is made once, for either of its addresses.
        Effect.map(
          Effect.updateService(HttpServerRequest.HttpServerRequest, (request) =>
            request.modify({ url: "/docs" }),
          ),
        ),
        Effect.flatMap((page) => Effect.cached(Effect.uninterruptible(Middleware.withPolicy(page)))),
        Scope.extend(yield* Effect.scope),
        // A first reader that leaves does not leave its interruption to the next.
        Effect.uninterruptible,
        Effect.cached,
      )
      return Layer.mergeAll(
        HttpLayerRouter.add("GET", "/openapi.json", document),
        // A site of documentation may be in front of the first.
        HttpLayerRouter.add("GET", "/docs", Effect.orDie(Effect.flatten(page))),
        HttpLayerRouter.add("GET", "/docs/api", Effect.orDie(Effect.flatten(page))),
      )
    }),
  )

const metricsPage = (metrics: Effect.Effect<string> | undefined) =>
  metrics === undefined
    ? Layer.empty
    : HttpLayerRouter.add(
        "GET",
        "/metrics",
        Effect.map(metrics, (text) =>
          HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }),
        ),
      )

/** What surrounds the router, from the outside in. */
const around = (logRequests: boolean, faces: ReadonlyArray<Face.Face>) =>
  HttpLayerRouter.middleware(
    Effect.gen(function* () {
      const measured = yield* Middleware.measured(logRequests)
      const leave = yield* LongRequests.leave
      const releaseBodies = yield* Bodies.releaseAfter
      const hotRoutes = yield* HotRoutes.inFront
      const methods = yield* MethodNotAllowed.make(faces)
      return (routed: Effect.Effect<HttpServerResponse.HttpServerResponse, HttpLayerRouter.unhandled>) =>
        measured(
          ErrorResponse.respond(Middleware.inCallers(leave(releaseBodies(hotRoutes(methods(routed)))))),
        )
    }),
    { global: true },
  )

/** An id is up to 128 characters, each perhaps nine when encoded. */
const routerConfig = { maxParamLength: 128 * 9 }

/**
 * The contract as one app, for a router that mounts apps. It has its own router, so what it needs of one and the
 * shape of its refusals apply to it alone. `url` is where it will be, for its description.
 */
export const app = <E = never, R = never>({
  faces = [],
  url = "/",
  ...options
}: ServerOptions<E, R> & { readonly url?: string | undefined } = {}) =>
  HttpLayerRouter.toHttpEffect(
    Layer.mergeAll(
      api(faces),
      description(url, faces),
      metricsPage(options.metrics),
      around(options.logRequests ?? false, faces),
    ).pipe(
      Layer.provide(before(options)),
      Layer.provide([
        ProjectPorts.claimAnswersLayer,
        OpenStreams.layer,
        LongRequests.shutdownLayer,
        StreamTurns.layer,
        Views.layer,
        Rebuilds.layer,
        Callers.openRequestsLayer(options.openRequests ?? 16_384),
        Bodies.budgetLayer(options.bodyMemory ?? Bodies.defaultTotal),
        Layer.succeed(AllowedOrigins, options.corsOrigins ?? []),
        Layer.succeed(Callbacks.PublicUrl, options.publicUrl),
      ]),
    ),
  ).pipe(
    Effect.provideService(HttpLayerRouter.RouterConfig, routerConfig),
    Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap),
    // `around` answers for an address that there is not.
    Effect.map(Effect.orDie),
    Effect.map((served) =>
      options.corsOrigins?.length
        ? Cors.allow(
            options.corsOrigins,
            faces.flatMap(({ headers }) => headers),
          )(served)
        : served,
    ),
    Effect.map(Effect.map(Middleware.withHeaders)),
    Effect.map((served) => options.inFront?.(served) ?? served),
  )

/** Serves the contract under a prefix such as `/agents`, next to the other routes of an application. */
export const mount = <E = never, R = never>(prefix: `/${string}`, options: ServerOptions<E, R> = {}) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const router = yield* HttpLayerRouter.HttpRouter
      const place = prefix.replace(/\/+$/, "")
      const at = place === "" ? router : router.prefixed(place)
      yield* at.add("*", "/*", yield* app({ ...options, url: place === "" ? "/" : place }))
    }),
  )

/** Serves the contract. Closing its Scope ends the event streams and the requests that wait, then the server. */
export const layerWith = <E = never, R = never>(options: ServerOptions<E, R>) =>
  Layer.scopedDiscard(Effect.flatMap(app(options), (served) => Middleware.serve(served)))

/** As `layerWith`, with every option as it is when absent. */
export const layer = layerWith({})
