import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Limits } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { Api } from "../Api.js"
import { subjectOf } from "../Api/Limits.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Limit, toInput } from "../Wire/Limit.js"
import * as Caller from "./Caller.js"
import * as ListRows from "./ListRows.js"

/** The limits of the named project, which must be the caller's. */
const limitsOf = (path: { readonly project_reference: string }) =>
  Effect.map(Caller.project(path.project_reference), ({ ports }) => Context.get(ports, Limits.Limits))

const ofAgent = (key: string): Limits.LimitSubject => ({ kind: "agent", name: null, key })
const ofProject: Limits.LimitSubject = { kind: "project", name: null, key: "" }

export const layer = HttpApiBuilder.group(Api, "limits", (handlers) =>
  handlers
    .handle("limits", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        const page = yield* limits.list(urlParams)
        return yield* ListRows.respond(Limit, page, identity, () => "a limit", urlParams)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("pauseLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.pause(subjectOf(payload))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.resume(subjectOf(payload))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("define", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.define(toInput(path.limit_name, payload))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("named", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.named(path.limit_name)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("remove", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        yield* limits.remove(path.limit_name)
        return { deleted: true }
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("setProjectLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.setProject(payload.max_running)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("pauseProject", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.pause(ofProject)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeProject", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.resume(ofProject)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("setAgentLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.setAgent(path.agent_id, payload.max_running)
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("pauseAgent", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.pause(ofAgent(path.agent_id))
      }).pipe(Effect.mapError(Verdicts.encode)),
    )
    .handle("resumeAgent", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.resume(ofAgent(path.agent_id))
      }).pipe(Effect.mapError(Verdicts.encode)),
    ),
)
