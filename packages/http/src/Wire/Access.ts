/** Projects and API keys on the wire. */
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { orNull, renamed, Timestamp } from "../Wire.js"

export const Project = renamed({
  id: Ids.ProjectId,
  slug: Schema.String,
  createdAt: Timestamp,
}).annotations({ identifier: "Project" })

/** An API key as it may be shown: its token is in the answer that made it and nowhere else. */
export const ApiKey = renamed({
  id: Ids.KeyId,
  projectId: Ids.ProjectId,
  name: Schema.String,
  admin: Schema.Boolean,
  createdAt: Timestamp,
  revokedAt: Schema.NullOr(Timestamp),
  expiresAt: orNull(Timestamp).pipe(Schema.fromKey("expires_at")),
}).annotations({ identifier: "ApiKey" })
