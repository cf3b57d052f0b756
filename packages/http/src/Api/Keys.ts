/** Projects and their API keys, for admin keys. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Access, Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { nullish } from "../Wire.js"
import { ApiKey, Project } from "../Wire/Access.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })

/** Seconds. The longest life of a key that expires. */
export const maxKeySeconds = 315_360_000

const NewKey = Schema.Struct({
  name: Ids.visibleText(128),
  admin: nullish(Schema.Boolean),
  expires_in_seconds: nullish(Schema.Int.pipe(Schema.between(1, maxKeySeconds))).annotations({
    description: `1 to ${maxKeySeconds}; the key does not expire when absent`,
  }),
})

export const group = HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.post("createProject", "/projects")
      .setPayload(Schema.Struct({ slug: Access.ProjectSlug }))
      .addSuccess(Project, { status: 201 })
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({ summary: "Create a project", description: "Needs an admin key." }),
      ),
  )
  .add(
    HttpApiEndpoint.get("projects", "/projects")
      .addSuccess(Schema.Struct({ data: Schema.Array(Project) }))
      .annotateContext(
        OpenApi.annotations({ summary: "List the projects", description: "Needs an admin key." }),
      ),
  )
  .add(
    HttpApiEndpoint.post("createKey", "/projects/:project_reference/keys")
      .setPath(projectPath)
      .setPayload(NewKey)
      .addSuccess(Schema.Struct({ key: ApiKey, token: Schema.String }), { status: 201 })
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Create an API key",
          description:
            "Needs an admin key. Its token is in this answer and nowhere else. With `expires_in_seconds` it ends by itself, with all that it issued.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("keys", "/projects/:project_reference/keys")
      .setPath(projectPath)
      .addSuccess(Schema.Struct({ data: Schema.Array(ApiKey) }))
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "List the API keys of a project",
          description: "Needs an admin key. Newest first, revoked and expired ones too.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("revokeKey", "/projects/:project_reference/keys/:key_id")
      .setPath(Schema.Struct({ project_reference: Schema.String, key_id: Ids.KeyId }))
      .addSuccess(Schema.Struct({ key: ApiKey }))
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Revoke an API key",
          description:
            "Needs an admin key. Its token is refused from now on, and so are the tokens of the workers that it registered. It cannot be made valid again.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Projects and keys",
      description: "For admin keys, each of which is admin of every project.",
    }),
  )
