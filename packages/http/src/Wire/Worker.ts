/**
 * Workers on the wire.
 *
 * @since 0.1.0
 */
import { Ids, WorkerRegistry } from "@runlease/core"
import { Schema } from "effect"
import { as, JsonObject, nullish, Timestamp } from "../Wire.js"

const registration = WorkerRegistry.Registration.fields

/** What a worker says of itself when it registers. */
export const Registration = as<WorkerRegistry.Registration>()(
  Schema.Struct({
    implementation_kind: registration.implementationKind,
    worker_key: registration.workerKey,
    implementation_display_name: nullish(Ids.text(128)),
    display_name: nullish(Ids.text(128)),
    metadata: nullish(JsonObject),
  }),
  {
    decode: (wire) => ({
      implementationKind: wire.implementation_kind,
      workerKey: wire.worker_key,
      implementationDisplayName: wire.implementation_display_name ?? undefined,
      displayName: wire.display_name,
      metadata: wire.metadata ?? undefined,
    }),
    encode: (value) => ({
      implementation_kind: value.implementationKind,
      worker_key: value.workerKey,
      implementation_display_name: value.implementationDisplayName,
      display_name: value.displayName,
      metadata: value.metadata,
    }),
  },
).annotations({ identifier: "Registration" })

/** A registered worker. */
export const Worker = as<WorkerRegistry.RegisteredWorker>()(
  Schema.Struct({
    id: Ids.WorkerId,
    project_id: Ids.ProjectId,
    implementation_kind: Schema.String,
    implementation_display_name: nullish(Schema.String),
    worker_key: Schema.String,
    status: Schema.String,
    display_name: Schema.NullOr(Schema.String),
    metadata: Schema.Unknown,
    in_flight: nullish(Schema.NonNegativeInt),
    created_at: Timestamp,
    updated_at: Timestamp,
    last_heartbeat_at: Schema.NullOr(Timestamp),
  }),
  {
    decode: (wire) => ({
      id: wire.id,
      projectId: wire.project_id,
      implementationKind: wire.implementation_kind,
      implementationDisplayName: wire.implementation_display_name ?? null,
      workerKey: wire.worker_key,
      status: wire.status,
      displayName: wire.display_name,
      metadata: wire.metadata,
      inFlight: wire.in_flight ?? null,
      createdAt: wire.created_at,
      updatedAt: wire.updated_at,
      lastHeartbeatAt: wire.last_heartbeat_at,
    }),
    encode: (worker) => ({
      id: worker.id,
      project_id: worker.projectId,
      implementation_kind: worker.implementationKind,
      implementation_display_name: worker.implementationDisplayName,
      worker_key: worker.workerKey,
      status: worker.status,
      display_name: worker.displayName,
      metadata: worker.metadata ?? null,
      in_flight: worker.inFlight,
      created_at: worker.createdAt,
      updated_at: worker.updatedAt,
      last_heartbeat_at: worker.lastHeartbeatAt,
    }),
  },
).annotations({ identifier: "Worker" })
