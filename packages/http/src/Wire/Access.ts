/**
 * Projects and API keys on the wire.
 *
 * @since 0.1.0
 */
import { Access, Ids } from "@runlease/core"
import { Schema } from "effect"
import { as, Timestamp } from "../Wire.js"

export const Project = as<Access.Project>()(
  Schema.Struct({ id: Ids.ProjectId, slug: Schema.String, created_at: Timestamp }),
  {
    decode: (wire) => ({ id: wire.id, slug: wire.slug, createdAt: wire.created_at }),
    encode: (project) => ({ id: project.id, slug: project.slug, created_at: project.createdAt }),
  },
).annotations({ identifier: "Project" })

/** An API key as it may be shown: its token is in the answer that made it and nowhere else. */
export const ApiKey = as<Access.ApiKey>()(
  Schema.Struct({
    id: Ids.KeyId,
    project_id: Ids.ProjectId,
    name: Schema.String,
    admin: Schema.Boolean,
    created_at: Timestamp,
    revoked_at: Schema.NullOr(Timestamp),
  }),
  {
    decode: (wire) => ({
      id: wire.id,
      projectId: wire.project_id,
      name: wire.name,
      admin: wire.admin,
      createdAt: wire.created_at,
      revokedAt: wire.revoked_at,
    }),
    encode: (key) => ({
      id: key.id,
      project_id: key.projectId,
      name: key.name,
      admin: key.admin,
      created_at: key.createdAt,
      revoked_at: key.revokedAt,
    }),
  },
).annotations({ identifier: "ApiKey" })
