import { Limits } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { subjectOf } from "../Api/Limits.js"
import { Limit, toInput } from "../Wire/Limit.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"

/** The limits of the named project, which must be the caller's. */
const limitsOf = (path: { readonly project_reference: string }) =>
  Effect.map(Caller.project(path.project_reference), ({ ports }) => Context.get(ports, Limits.Limits))

const ofAgent = (key: string): Limits.LimitSubject => ({ kind: "agent", name: null, key })
const ofProject: Limits.LimitSubject = { kind: "project", name: null, key: "" }

export const layer = group("limits", (handlers) =>
  handlers
    .handle("limits", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        const page = yield* limits.list(urlParams)
        return yield* ListRows.respond(Limit, page, identity, () => "a limit", urlParams)
      }),
    )
    .handle("pauseLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.pause(subjectOf(payload))
      }),
    )
    .handle("resumeLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.resume(subjectOf(payload))
      }),
    )
    .handle("define", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.define(toInput(path.limit_name, payload))
      }),
    )
    .handle("named", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.named(path.limit_name)
      }),
    )
    .handle("remove", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        yield* limits.remove(path.limit_name)
        return { deleted: true }
      }),
    )
    .handle("setProjectLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.setProject(payload.max_running)
      }),
    )
    .handle("pauseProject", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.pause(ofProject)
      }),
    )
    .handle("resumeProject", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.resume(ofProject)
      }),
    )
    .handle("setAgentLimit", ({ path, payload }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.setAgent(path.agent_id, payload.max_running)
      }),
    )
    .handle("pauseAgent", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.pause(ofAgent(path.agent_id))
      }),
    )
    .handle("resumeAgent", ({ path }) =>
      Effect.gen(function* () {
        const limits = yield* limitsOf(path)
        return yield* limits.resume(ofAgent(path.agent_id))
      }),
    ),
)
