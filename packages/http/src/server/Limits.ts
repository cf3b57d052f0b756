import { HttpApiBuilder } from "@effect/platform"
import { Limits } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Limit } from "../Wire/Limit.js"
import * as Caller from "./Caller.js"
import * as ListRows from "./ListRows.js"

export const layer = HttpApiBuilder.group(Api, "limits", (handlers) =>
  handlers
    .handle("limits", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        const page = yield* Context.get(ports, Limits.Limits).list(urlParams)
        return yield* ListRows.respond(Limit, page, identity, () => "a limit", urlParams)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("pauseLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).pause({
          kind: "concurrency_key",
          key: payload.concurrency_key,
        })
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).resume({
          kind: "concurrency_key",
          key: payload.concurrency_key,
        })
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("setAgentLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).setAgent(path.agent_id, payload.max_running)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("pauseAgent", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).pause({ kind: "agent", key: path.agent_id })
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeAgent", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).resume({ kind: "agent", key: path.agent_id })
      }).pipe(Effect.mapError(Verdicts.encode)),
    ),
)
