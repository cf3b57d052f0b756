/**
 * Answers a method that an address does not have, which the router would call not found.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as Refusal from "../contract/Refusal.js"

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

const methodsByPath = (): ReadonlyMap<`/${string}`, ReadonlySet<string>> => {
  const byPath = new Map<`/${string}`, Set<string>>()
  HttpApi.reflect(Api, {
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

export const layer = HttpLayerRouter.addAll(
  Array.from(methodsByPath()).flatMap(([path, allowed]) =>
    methods
      .filter((method) => !allowed.has(method))
      .map((method) => HttpLayerRouter.route(method, path, Effect.fail(notAllowed(allowed)))),
  ),
)
