import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Scope } from "effect"
import { Api } from "../Api.js"
import { AgentForms } from "./AgentForms.js"
import * as LazyModule from "./LazyModule.js"

const endpoint = LazyModule.of(() => import("./mcp/Endpoint.js"))

export const layer = HttpApiBuilder.group(Api, "mcp", (handlers) =>
  Effect.gen(function* () {
    const answer = yield* Effect.flatMap(endpoint, ({ make }) => make).pipe(
      Effect.provideService(AgentForms, yield* AgentForms),
      Scope.extend(yield* Effect.scope),
      // A first request that is abandoned does not leave its interruption to the next.
      Effect.uninterruptible,
      Effect.cached,
    )
    return handlers.handleRaw("message", ({ request, urlParams }) =>
      // The next request loads a module again that could not be loaded.
      Effect.flatMap(Effect.zipRight(endpoint, answer), (respond) =>
        respond(request, urlParams.agents ?? false),
      ),
    )
  }),
)
