import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as LazyModule from "./LazyModule.js"

const endpoints = LazyModule.of(() => import("./agui/Endpoints.js"))

export const layer = HttpApiBuilder.group(Api, "agUi", (handlers) =>
  handlers
    .handle("runAgent", (request) => Effect.flatMap(endpoints, ({ runAgent }) => runAgent(request)))
    .handle("capabilities", (request) =>
      Effect.flatMap(endpoints, ({ capabilities }) => capabilities(request)),
    ),
)
