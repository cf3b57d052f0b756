/**
 * The port where workers make themselves known.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"
import * as Ids from "./Ids.js"
import type { InvalidCursor, Page, PageRequest } from "./Page.js"

/**
 * A worker to be registered. Two with the same `implementationKind` and `workerKey` in one project
 * are the same worker.
 *
 * @since 0.1.0
 * @category models
 */
export const Registration = Schema.Struct({
  implementationKind: Schema.String.pipe(
    Schema.pattern(/^[a-zA-Z0-9_-]{1,64}$/, {
      message: () => "must be 1 to 64 letters, digits, - or _",
    }),
  ),
  workerKey: Schema.String.pipe(
    Schema.pattern(/^[a-zA-Z0-9_.:-]{1,128}$/, {
      message: () => "must be 1 to 128 letters, digits, or any of _ . : -",
    }),
  ),
  implementationDisplayName: Schema.optional(Ids.text(128)),
  displayName: Schema.optional(Schema.NullOr(Ids.text(128))),
  metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
})
export type Registration = typeof Registration.Type

/**
 * A registered worker.
 *
 * @since 0.1.0
 * @category models
 */
export const RegisteredWorker = Schema.Struct({
  id: Ids.WorkerId,
  projectId: Ids.ProjectId,
  implementationKind: Schema.String,
  implementationDisplayName: Schema.NullOr(Schema.String),
  workerKey: Schema.String,
  status: Schema.String,
  displayName: Schema.NullOr(Schema.String),
  metadata: Schema.Unknown,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber,
  lastHeartbeatAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
})
export type RegisteredWorker = typeof RegisteredWorker.Type

/** No worker of this project has that id. */
export class WorkerNotFound extends Schema.TaggedError<WorkerNotFound>("@runlease/core/WorkerNotFound")(
  "WorkerNotFound",
  { workerId: Schema.String },
) {
  override get message() {
    return `Worker ${this.workerId} does not exist; register it again`
  }
}

export class WorkerRegistry extends Context.Tag("@runlease/core/WorkerRegistry")<
  WorkerRegistry,
  {
    /** Makes a worker known, or finds the one with the same kind and key; its names and metadata are renewed. */
    readonly register: (
      registration: Registration,
    ) => Effect.Effect<RegisteredWorker, ControlPlaneUnavailable>

    /** Says that the worker lives. Leases do not depend on it. */
    readonly heartbeat: (
      workerId: Ids.WorkerId,
    ) => Effect.Effect<RegisteredWorker, WorkerNotFound | ControlPlaneUnavailable>

    /** The workers of the project, newest heartbeat first. */
    readonly list: (
      page?: PageRequest,
    ) => Effect.Effect<Page<RegisteredWorker>, InvalidCursor | ControlPlaneUnavailable>
  }
>() {}
