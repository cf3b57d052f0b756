/** Runs as responses of OpenAI: `/openai/v1` is the base URL of its clients. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Face from "@runlease/http/face/Face"
import { Effect, Layer } from "effect"
import * as Continuations from "./internal/Continuations.js"
import { examples } from "./internal/Examples.js"
import { group } from "./internal/Group.js"

const endpoints = Face.lazy(() => import("./internal/Endpoints.js"))

const responses = HttpApiBuilder.group(Face.api.add(group), "responses", (handlers) =>
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

/** The face, for `faces` of a server. */
export const face: Face.Face = {
  groups: [group],
  after: "agUi",
  examples,
  headers: [],
  layer: Layer.provide(responses, Continuations.layer),
}
