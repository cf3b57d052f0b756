import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Access } from "@runlease/core"
import { Duration, Effect, Redacted } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Caller from "./Caller.js"

export const layer = HttpApiBuilder.group(Api, "keys", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access

    const create = Effect.fn("Server.createProject")(function* (slug: string) {
      yield* Caller.admin
      return yield* access.createProject(slug)
    }, Effect.mapError(Verdicts.encode))

    const list = Effect.gen(function* () {
      yield* Caller.admin
      return { data: yield* access.listProjects }
    }).pipe(Effect.mapError(Verdicts.encode))

    const createKey = Effect.fn("Server.createKey")(function* (
      reference: string,
      options: Omit<Parameters<typeof access.createKey>[0], "projectId">,
    ) {
      yield* Caller.admin
      const project = yield* access.getProject(reference)
      const { key, token } = yield* access.createKey({ projectId: project.id, ...options })
      return { key, token: Redacted.value(token) }
    }, Effect.mapError(Verdicts.encode))

    const listKeys = Effect.fn("Server.listKeys")(function* (reference: string) {
      yield* Caller.admin
      const project = yield* access.getProject(reference)
      return { data: yield* access.listKeys(project.id) }
    }, Effect.mapError(Verdicts.encode))

    const revokeKey = Effect.fn("Server.revokeKey")(function* (
      reference: string,
      keyId: Parameters<typeof access.revokeKey>[1],
    ) {
      yield* Caller.admin
      const project = yield* access.getProject(reference)
      return { key: yield* access.revokeKey(project.id, keyId) }
    }, Effect.mapError(Verdicts.encode))

    return handlers
      .handle("createProject", ({ payload }) => create(payload.slug))
      .handle("projects", () => list)
      .handle("createKey", ({ path, payload }) =>
        createKey(path.project_reference, {
          name: payload.name,
          admin: payload.admin ?? false,
          expiresIn:
            payload.expires_in_seconds == null ? undefined : Duration.seconds(payload.expires_in_seconds),
        }),
      )
      .handle("keys", ({ path }) => listKeys(path.project_reference))
      .handle("revokeKey", ({ path }) => revokeKey(path.project_reference, path.key_id))
  }),
)
