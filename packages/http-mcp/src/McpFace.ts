/** Runs as tools of the Model Context Protocol, at `/mcp`. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { AgentForms } from "@runlease/http/face/AgentForms"
import * as Face from "@runlease/http/face/Face"
import { Effect, Scope } from "effect"
import { examples } from "./internal/Examples.js"
import { group } from "./internal/Group.js"

const endpoint = Face.lazy(() => import("./internal/Endpoint.js"))

const layer = HttpApiBuilder.group(Face.api.add(group), "mcp", (handlers) =>
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

/** The face, for `faces` of a server. */
export const face: Face.Face = {
  groups: [group],
  after: "agUi",
  examples,
  headers: ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"],
  layer,
}
