/**
 * The control plane as a server uses it: every project's ports, and whether the store is up.
 *
 * The ports themselves (`Claims`, `Leases`, `Limits`, `RunLog`, `Runs`, `WorkerRegistry`, `Conversations`, `RefusedRows`, `Schedules`,
 * `BulkOperations`, `Rollouts`, `Statistics`, `Summaries`, `Webhooks`, `WebhookSources`) are each bound to one project, so that ids of another project do not
 * exist for its users.
 */
import { Context, type Duration, Effect, Layer } from "effect"
import { Access, type ProjectNotFound } from "./Access.js"
import type { BulkOperations } from "./BulkOperations.js"
import type { Claims } from "./Claims.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { Conversations } from "./Conversations.js"
import type * as Ids from "../model/Ids.js"
import type { Leases } from "./Leases.js"
import type { Limits } from "./Limits.js"
import * as PayloadCheck from "./PayloadCheck.js"
import type { RefusedRows } from "./RefusedRows.js"
import type { Rollouts } from "./Rollouts.js"
import type { RunLog } from "./RunLog.js"
import type { Runs } from "./Runs.js"
import type { Schedules } from "./Schedules.js"
import type { Secrets, SecretsUnavailable } from "./Secrets.js"
import type { Statistics } from "./Statistics.js"
import type { Summaries } from "./Summaries.js"
import * as Tracing from "./Tracing.js"
import type { DeliveryQueue, Webhooks } from "./Webhooks.js"
import type { OpenSource, SourceNotFound, WebhookSources } from "./WebhookSources.js"
import type { WorkerRegistry } from "./WorkerRegistry.js"

/** Every port of one project that workers and clients use, in process or over HTTP. */
export type ProjectPorts = Claims | Conversations | Leases | Limits | RunLog | Runs | WorkerRegistry

/** Every port of one project that a store has. */
export type StorePorts =
  | ProjectPorts
  | BulkOperations
  | RefusedRows
  | Rollouts
  | Schedules
  | Statistics
  | Summaries
  | Webhooks
  | WebhookSources

/**
 * Which finished runs are to be deleted, and how many at most.
 *
 * Units: `olderThan` is the time since they finished, by the store's clock. `limit` 1 to 1000, 100 when absent.
 */
export interface PruneRequest {
  readonly projectId: Ids.ProjectId
  readonly olderThan: Duration.DurationInput
  readonly limit?: number | undefined
}

/** `more`: there is more to prune. It may be true with nothing `pruned`, where a long log goes in parts. */
export interface Pruned {
  readonly pruned: number
  readonly more: boolean
}

export const defaultPruneLimit = 100
export const maxPruneLimit = 1000

export class ControlPlane extends Context.Tag("@runlease/core/ControlPlane")<
  ControlPlane,
  {
    /** The ports of one project. Cheap: made for each request. */
    readonly project: (projectId: Ids.ProjectId) => Context.Context<StorePorts>

    /**
     * Deletes some finished runs that are old enough, with their events, details and sessions, in one small commit;
     * then conversations that have lost their last run this way and are as old themselves. A public id that was
     * pruned may be used again. The counters of periods that are as old go too, and bulk operations that ended by then, and
     * messages of webhooks 30 days after their end. Refused rows of the outbox that are as old go with those of their project; those that name no
     * project go with any.
     */
    readonly prune: (request: PruneRequest) => Effect.Effect<Pruned, ControlPlaneError>

    /** Seals secrets with the key of the store. */
    readonly secrets: Secrets["Type"]

    /** The messages of webhooks of all projects, for what sends them. */
    readonly deliveries: DeliveryQueue

    /** A webhook source with its secrets, for what verifies its messages. */
    readonly openSource: (
      projectId: Ids.ProjectId,
      name: string,
    ) => Effect.Effect<OpenSource, SourceNotFound | SecretsUnavailable | ControlPlaneError>

    /** Succeeds when the store answers. */
    readonly ready: Effect.Effect<void, ControlPlaneError>
  }
>() {}

/**
 * A store with a span for each call of a method, such as `Leases.renew`, its projects' ports included. Every store is made with it,
 * so that all have the same spans. Where no tracer is there, no span is made.
 *
 * Source: docs/decisions/0043-spans-of-ports.md
 */
export const traced = (
  store: Context.Context<ControlPlane | Access>,
): Context.Context<ControlPlane | Access> => {
  const { deliveries, project, secrets, ...methods } = Context.get(store, ControlPlane)
  return Context.make(ControlPlane, {
    ...Tracing.port("ControlPlane", methods),
    secrets,
    deliveries,
    project: (projectId) => Tracing.ports(project(projectId)),
  }).pipe(Context.add(Access, Tracing.port("Access", Context.get(store, Access))))
}

/** The slug of the project that always exists. */
export const defaultProject = "default"

/** The ports of one project, by slug or id. They refuse a payload that no worker of its agent takes. */
export const layerProject = (
  reference: string = defaultProject,
): Layer.Layer<StorePorts, ProjectNotFound | ControlPlaneError, ControlPlane | Access> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const access = yield* Access
      const project = yield* access.getProject(reference)
      return yield* PayloadCheck.over(controlPlane.project(project.id))
    }),
  )
