/**
 * Projects and their API keys, for admin keys.
 *
 * @since 0.1.0
 */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Access, Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { nullish } from "../Wire.js"
import { ApiKey, Project } from "../Wire/Access.js"
import * as Doc from "./Doc.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })

const NewKey = Schema.Struct({ name: Ids.text(128), admin: nullish(Schema.Boolean) })

export const group = HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.post("createProject", "/projects")
      .setPayload(Schema.Struct({ slug: Access.ProjectSlug }))
      .addSuccess(Project, { status: 201 })
      .addError(Refusal.Forbidden)
      .addError(Refusal.Conflict)
      .annotateContext(Doc.of("Create a project", "Needs an admin key.")),
  )
  .add(
    HttpApiEndpoint.get("projects", "/projects")
      .addSuccess(Schema.Struct({ data: Schema.Array(Project) }))
      .addError(Refusal.Forbidden)
      .annotateContext(Doc.of("List the projects", "Needs an admin key.")),
  )
  .add(
    HttpApiEndpoint.post("createKey", "/projects/:project_reference/keys")
      .setPath(projectPath)
      .setPayload(NewKey)
      .addSuccess(Schema.Struct({ key: ApiKey, token: Schema.String }), { status: 201 })
      .addError(Refusal.Forbidden)
      .addError(Refusal.NotFound)
      .annotateContext(
        Doc.of("Create an API key", "Needs an admin key. Its token is in this answer and nowhere else."),
      ),
  )
  .add(
    HttpApiEndpoint.get("keys", "/projects/:project_reference/keys")
      .setPath(projectPath)
      .addSuccess(Schema.Struct({ data: Schema.Array(ApiKey) }))
      .addError(Refusal.Forbidden)
      .addError(Refusal.NotFound)
      .annotateContext(
        Doc.of("List the API keys of a project", "Needs an admin key. Newest first, revoked ones too."),
      ),
  )
  .add(
    HttpApiEndpoint.del("revokeKey", "/projects/:project_reference/keys/:key_id")
      .setPath(Schema.Struct({ project_reference: Schema.String, key_id: Ids.KeyId }))
      .addSuccess(Schema.Struct({ key: ApiKey }))
      .addError(Refusal.Forbidden)
      .addError(Refusal.NotFound)
      .annotateContext(
        Doc.of(
          "Revoke an API key",
          "Needs an admin key. Its token is refused from now on, and so are the tokens of the workers that it registered. It cannot be made valid again.",
        ),
      ),
  )
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Projects and keys",
      description: "For admin keys, each of which is admin of every project.",
    }),
  )
