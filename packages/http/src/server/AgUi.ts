import { Effect } from "effect"
import { group } from "./Group.js"
import * as LazyModule from "./LazyModule.js"

const endpoints = LazyModule.of(() => import("./agui/Endpoints.js"))

export const layer = group("agUi", (handlers) =>
  handlers
    .handle("runAgent", (request) => Effect.flatMap(endpoints, ({ runAgent }) => runAgent(request)))
    .handle("capabilities", (request) =>
      Effect.flatMap(endpoints, ({ capabilities }) => capabilities(request)),
    ),
)
