/** Answers a method that an address does not have, which the router would call not found. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer, Predicate, Scope } from "effect"
import * as Api from "../Api.js"
import * as Refusal from "../contract/Refusal.js"
import type { Face } from "./Face.js"

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

const methodsByPath = (faces: ReadonlyArray<Face>): ReadonlyMap<`/${string}`, ReadonlySet<string>> => {
  const byPath = new Map<`/${string}`, Set<string>>()
  HttpApi.reflect(Api.withFaces(faces), {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      byPath.set(endpoint.path, (byPath.get(endpoint.path) ?? new Set()).add(endpoint.method))
    },
  })
  return byPath
}

const notAllowed = (allowed: ReadonlySet<string>) =>
  new Refusal.Refusal({
    httpStatus: 405,
    body: {
      error: "method_not_allowed",
      detail: `This address takes ${Array.from(allowed).join(" and ")}`,
    },
    headers: { allow: Array.from(allowed).join(", ") },
  })

const refusals = (faces: ReadonlyArray<Face>) =>
  HttpLayerRouter.addAll(
    Effect.sync(() =>
      Array.from(methodsByPath(faces)).flatMap(([path, allowed]) =>
        methods
          .filter((method) => !allowed.has(method))
          .map((method) => HttpLayerRouter.route(method, path, Effect.fail(notAllowed(allowed)))),
      ),
    ),
  )

/** Makes the middleware of a router. Its own routes are made for the first request that the router has no route for. */
export const make = Effect.fnUntraced(function* (faces: ReadonlyArray<Face>) {
  const router = yield* HttpLayerRouter.toHttpEffect(refusals(faces)).pipe(
    Effect.provideService(HttpLayerRouter.RouterConfig, yield* HttpLayerRouter.RouterConfig),
    // The memo of the layers has the router that this is around.
    Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap),
    Scope.extend(yield* Effect.scope),
    // A first request that is abandoned does not leave its interruption to the next.
    Effect.uninterruptible,
    Effect.cached,
  )
  return <E, R>(routed: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.catchIf(routed, Predicate.isTagged("RouteNotFound"), () => Effect.flatten(router))
})
