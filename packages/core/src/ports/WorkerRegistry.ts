/** The port where workers register. */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import * as Ids from "../model/Ids.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"

/** What a worker says of itself, as JSON. `runlease` is what a worker of this package says (`WorkerMetadata`). */
export const Metadata = Schema.Record({ key: Schema.String, value: Schema.Unknown })
export type Metadata = typeof Metadata.Type

/** The version of the code of a worker. */
export const Version = Ids.visibleText(128)

/**
 * A worker to be registered. Two with the same `implementationKind`, `workerKey` and `version` in one project
 * are the same worker. `version`: that of the program that works on runs, 128 characters at most; none when absent.
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
  implementationDisplayName: Schema.optional(Ids.visibleText(128)),
  version: Schema.optional(Version),
  displayName: Schema.optional(Schema.NullOr(Ids.visibleText(128))),
  metadata: Schema.optional(Metadata),
})
export type Registration = typeof Registration.Type

/** What a worker says of itself: it works, it claims no more, it has ended. */
export const WorkerStatus = Schema.Literal("active", "draining", "ended")
export type WorkerStatus = typeof WorkerStatus.Type

/**
 * The status of a worker that says `next`. Only one that drains ends: where another process has registered under the
 * same key since, the end of the process before it is not the worker's.
 */
export const nextStatus = (current: string, next: WorkerStatus | undefined): string =>
  next === undefined || (next === "ended" && current !== "draining") ? current : next

/**
 * A registered worker. `status` is a `WorkerStatus`, or a status of another control plane. `drain`: its operator requests that it claims no more
 * runs. `inFlight` is how many runs it holds, where `list` gave the worker and the control plane counts them.
 */
export const RegisteredWorker = Schema.Struct({
  id: Ids.WorkerId,
  projectId: Ids.ProjectId,
  implementationKind: Schema.String,
  implementationDisplayName: Schema.NullOr(Schema.String),
  workerKey: Schema.String,
  version: Schema.NullOr(Schema.String),
  status: Schema.String,
  drain: Schema.Boolean,
  displayName: Schema.NullOr(Schema.String),
  metadata: Schema.Unknown,
  inFlight: Schema.NullOr(Schema.NonNegativeInt),
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
    /**
     * Registers a worker, or renews the names and the metadata of the one with the same kind, key and version. It is asked to drain no
     * more.
     */
    readonly register: (registration: Registration) => Effect.Effect<RegisteredWorker, ControlPlaneError>

    /**
     * Says that the worker lives, and its `status` where that is set. Leases do not depend on it. A registration makes
     * the worker active, and it ends only after it has drained (`nextStatus`). `metadata` replaces that of the registration
     * where it is set.
     */
    readonly heartbeat: (
      workerId: Ids.WorkerId,
      status?: WorkerStatus,
      metadata?: Metadata,
    ) => Effect.Effect<RegisteredWorker, WorkerNotFound | ControlPlaneError>

    /**
     * Requests that a worker claims no more runs, or with `false` that it claims again. It keeps the runs that it holds. A signal informs it
     * at once where it follows its signals, and the answer to each heartbeat says it too.
     */
    readonly drain: (
      workerId: Ids.WorkerId,
      drain: boolean,
    ) => Effect.Effect<RegisteredWorker, WorkerNotFound | ControlPlaneError>

    /** The workers of the project, newest heartbeat first, with the runs that each holds counted. */
    readonly list: (
      page?: PageRequest,
    ) => Effect.Effect<Page<RegisteredWorker>, InvalidCursor | ControlPlaneError>
  }
>() {}
