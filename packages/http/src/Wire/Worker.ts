/** Workers on the wire. */
import { Ids, WorkerRegistry } from "@runlease/core"
import { Schema } from "effect"
import { absent, Description, Json, nullish, orNull, renamed, Timestamp } from "../Wire.js"

const registration = WorkerRegistry.Registration.fields

export const Registration = renamed({
  implementationKind: registration.implementationKind,
  workerKey: registration.workerKey,
  version: absent(WorkerRegistry.Version),
  implementationDisplayName: absent(Ids.visibleText(128)).pipe(Schema.fromKey("implementation_display_name")),
  displayName: nullish(Ids.visibleText(128)).pipe(Schema.fromKey("display_name")),
  metadata: absent(Description),
}).annotations({ identifier: "Registration" })

export const Worker = renamed({
  id: Ids.WorkerId,
  projectId: Ids.ProjectId,
  implementationKind: Schema.String,
  implementationDisplayName: orNull(Schema.String).pipe(Schema.fromKey("implementation_display_name")),
  workerKey: Schema.String,
  version: orNull(Schema.String),
  status: Schema.String,
  drain: Schema.optionalWith(Schema.Boolean, { default: () => false, nullable: true }),
  displayName: Schema.NullOr(Schema.String),
  metadata: Json,
  inFlight: orNull(Schema.NonNegativeInt).pipe(Schema.fromKey("in_flight")),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  lastHeartbeatAt: Schema.NullOr(Timestamp),
}).annotations({ identifier: "Worker" })
