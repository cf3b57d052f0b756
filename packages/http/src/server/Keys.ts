import { Access } from "@runlease/core"
import { Duration, Effect, Redacted } from "effect"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"

export const layer = group("keys", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access

    const create = Effect.fn("Server.createProject")(function* (slug: string) {
      yield* Caller.admin
      return yield* access.createProject(slug)
    })

    const list = Effect.gen(function* () {
      yield* Caller.admin
      return { data: yield* access.listProjects }
    })

    const createKey = Effect.fn("Server.createKey")(function* (
      reference: string,
      options: Omit<Parameters<typeof access.createKey>[0], "projectId">,
    ) {
      yield* Caller.admin
      const project = yield* access.getProject(reference)
      const { key, token } = yield* access.createKey({ projectId: project.id, ...options })
      return { key, token: Redacted.value(token) }
    })

    const listKeys = Effect.fn("Server.listKeys")(function* (reference: string) {
      yield* Caller.admin
      const project = yield* access.getProject(reference)
      return { data: yield* access.listKeys(project.id) }
    })

    const revokeKey = Effect.fn("Server.revokeKey")(function* (
      reference: string,
      keyId: Parameters<typeof access.revokeKey>[1],
    ) {
      yield* Caller.admin
      const project = yield* access.getProject(reference)
      return { key: yield* access.revokeKey(project.id, keyId) }
    })

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
