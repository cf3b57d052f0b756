import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as LazyModule from "./LazyModule.js"

const endpoints = LazyModule.of(() => import("./chat/Endpoints.js"))

export const layer = HttpApiBuilder.group(Api, "chat", (handlers) =>
  handlers
    .handle("sendMessages", (request) =>
      Effect.flatMap(endpoints, ({ sendMessages }) => sendMessages(request)),
    )
    .handleRaw("resumeStream", (request) =>
      Effect.flatMap(endpoints, ({ resumeStream }) => resumeStream(request)),
    )
    .handle("stopChat", (request) => Effect.flatMap(endpoints, ({ stopChat }) => stopChat(request))),
)
