/** Runs as UI message streams of the AI SDK, for pages with `useChat`: each agent at its address. */
import * as Face from "@runlease/http/face/Face"
import { Effect } from "effect"
import { examples } from "./internal/Examples.js"
import { group, sdkHeader } from "./internal/Group.js"

const endpoints = Face.lazy(() => import("./internal/Endpoints.js"))

/** The AI SDK, which takes memory, is for these alone. */
const messages = Face.lazy(() => import("./internal/Messages.js"))

const layer = Face.handlers(Face.api.add(group))("chat", (handlers) =>
  handlers
    .handle("sendMessages", (request) =>
      Effect.flatMap(endpoints, ({ sendMessages }) => sendMessages(request)),
    )
    .handleRaw("resumeStream", (request) =>
      Effect.flatMap(endpoints, ({ resumeStream }) => resumeStream(request)),
    )
    .handle("messages", (request) => Effect.flatMap(messages, ({ messages }) => messages(request)))
    .handle("stopChat", (request) => Effect.flatMap(endpoints, ({ stopChat }) => stopChat(request))),
)

/** The face, for `faces` of a server. */
export const face: Face.Face = {
  groups: [group],
  after: "threads",
  examples,
  headers: [sdkHeader],
  layer,
}
