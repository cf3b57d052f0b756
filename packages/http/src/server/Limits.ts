import { HttpApiBuilder } from "@effect/platform"
import { Limits } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { Api } from "../Api.js"
import { subjectOf } from "../Api/Limits.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Limit, toInput } from "../Wire/Limit.js"
import * as Caller from "./Caller.js"
import * as ListRows from "./ListRows.js"

const ofProject: Limits.LimitSubject = { kind: "project", name: null, key: "" }

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
        return yield* Context.get(ports, Limits.Limits).pause(subjectOf(payload))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).resume(subjectOf(payload))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("define", ({ path, payload }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).define(toInput(path.limit_name, payload))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("named", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).named(path.limit_name)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("remove", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        yield* Context.get(ports, Limits.Limits).remove(path.limit_name)
        return { deleted: true }
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("setProjectLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).setProject(payload.max_running)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("pauseProject", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).pause(ofProject)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeProject", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).resume(ofProject)
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
        return yield* Context.get(ports, Limits.Limits).pause({
          kind: "agent",
          name: null,
          key: path.agent_id,
        })
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeAgent", ({ path }) =>
      Effect.gen(function* () {
        const { ports } = yield* Caller.project(path.project_reference)
        return yield* Context.get(ports, Limits.Limits).resume({
          kind: "agent",
          name: null,
          key: path.agent_id,
        })
      }).pipe(Effect.mapError(Verdicts.encode)),
    ),
)
