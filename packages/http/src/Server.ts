/**
 * The contract, served over any control plane.
 *
 * @since 0.1.0
 */
import {
  type Etag,
  type FileSystem,
  HttpApiBuilder,
  HttpApiSwagger,
  HttpLayerRouter,
  type HttpPlatform,
  HttpServerRespondable,
  HttpServerResponse,
  OpenApi,
  type Path,
} from "@effect/platform"
import { Effect, Layer } from "effect"
import { Api } from "./Api.js"
import * as Authenticate from "./server/Authenticate.js"
import * as Closing from "./server/Closing.js"
import * as Conversations from "./server/Conversations.js"
import * as Health from "./server/Health.js"
import * as Keys from "./server/Keys.js"
import * as KnownProjects from "./server/KnownProjects.js"
import * as MethodNotAllowed from "./server/MethodNotAllowed.js"
import * as ReadBody from "./server/ReadBody.js"
import * as Refusals from "./server/Refusals.js"
import * as Runs from "./server/Runs.js"
import * as Workers from "./server/Workers.js"

const handlers = Layer.mergeAll(
  Conversations.layer,
  Health.layer,
  Keys.layer,
  Runs.layer,
  Workers.layer,
).pipe(Layer.provide([Authenticate.layer, KnownProjects.layer, ReadBody.layer]))

// The API's own errors have no common shape, so its routes are taken without them; `refusals` answers for all.
const api = HttpApiBuilder.Router.unwrap((built) =>
  HttpLayerRouter.addAll(
    Array.from(built.routes).flatMap(({ handler, method, path }) =>
      // HEAD is answered by what answers GET.
      method === "HEAD"
        ? []
        : [HttpLayerRouter.route(method, path, Effect.flatMap(handler, HttpServerRespondable.toResponse))],
    ),
  ),
).pipe(Layer.provide(handlers))

const openApi = HttpLayerRouter.add(
  "GET",
  "/openapi.json",
  Effect.sync(() =>
    HttpServerResponse.unsafeJson(OpenApi.fromApi(Api, { additionalPropertiesStrategy: "allow" })),
  ),
)

const docs = HttpApiSwagger.layerHttpLayerRouter({ api: Api, path: "/docs" })

const refusals = HttpLayerRouter.middleware(Refusals.respond, { global: true })

const leave = HttpLayerRouter.middleware(Closing.leave, { global: true })

/**
 * What a router must allow for these routes: an id is up to 128 characters, each perhaps nine when encoded.
 *
 * @since 0.1.0
 * @category options
 */
export const routerConfig = { maxParamLength: 128 * 9 }

/**
 * Every route of the contract, to be mounted beside others on one router. Refusals get their shape on all of them.
 *
 * @since 0.1.0
 * @category layers
 */
export const routes = Layer.mergeAll(api, openApi, docs, MethodNotAllowed.layer, refusals, leave).pipe(
  Layer.provide(Closing.layer),
)

/**
 * Serves the contract. Closing its Scope ends the event streams and the requests that wait, then the server.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = HttpLayerRouter.serve<
  never,
  never,
  Layer.Layer.Context<typeof routes>,
  never,
  // What handlers need of a request beyond the layers below, the server gives.
  HttpPlatform.HttpPlatform | Etag.Generator | FileSystem.FileSystem | Path.Path
>(routes, { disableLogger: true, disableListenLog: true, routerConfig })
