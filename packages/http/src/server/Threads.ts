import { Effect } from "effect"
import { BodyBudget } from "./Bodies.js"
import { group } from "./Group.js"
import * as LazyModule from "./LazyModule.js"
import { Rebuilds } from "./Rebuilds.js"
import { StreamTurns } from "./StreamTurns.js"

const threads = LazyModule.of(() => import("./agui/ThreadEndpoints.js"))

export const layer = group("threads", (handlers) =>
  Effect.map(Effect.context<BodyBudget | Rebuilds | StreamTurns>(), (context) => {
    const endpoints = Effect.provide(
      Effect.flatMap(threads, ({ make }) => make),
      context,
    )
    return handlers
      .handle("thread", (request) => Effect.flatMap(endpoints, ({ thread }) => thread(request)))
      .handleRaw("threadStream", (request) =>
        Effect.flatMap(endpoints, ({ threadStream }) => threadStream(request)),
      )
      .handle("stopThread", (request) => Effect.flatMap(endpoints, ({ stopThread }) => stopThread(request)))
  }),
)
