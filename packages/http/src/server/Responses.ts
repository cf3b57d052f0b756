import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as LazyModule from "./LazyModule.js"

const endpoints = LazyModule.of(() => import("./responses/Endpoints.js"))

export const layer = HttpApiBuilder.group(Api, "responses", (handlers) =>
  handlers
    .handleRaw("createResponse", () => Effect.flatMap(endpoints, ({ createResponse }) => createResponse))
    .handleRaw("getResponse", ({ path }) =>
      Effect.flatMap(endpoints, ({ getResponse }) => getResponse(path.response_id)),
    )
    .handleRaw("cancelResponse", ({ path }) =>
      Effect.flatMap(endpoints, ({ cancelResponse }) => cancelResponse(path.response_id)),
    )
    .handleRaw("listInputItems", ({ path }) =>
      Effect.flatMap(endpoints, ({ listInputItems }) => listInputItems(path.response_id)),
    ),
)
