/**
 * The control plane seen from a server: every project's ports, and whether the store is up.
 *
 * The ports themselves (`Claims`, `Leases`, `RunLog`, `Runs`, `WorkerRegistry`, `Conversations`) are each
 * bound to one project, so that ids of another project do not exist for whoever holds them.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer } from "effect"
import { Access, type ProjectNotFound } from "./Access.js"
import type { Claims } from "./Claims.js"
import type { ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"
import type { Conversations } from "./Conversations.js"
import type * as Ids from "./Ids.js"
import type { Leases } from "./Leases.js"
import type { RunLog } from "./RunLog.js"
import type { Runs } from "./Runs.js"
import type { WorkerRegistry } from "./WorkerRegistry.js"

/** Every port of one project. */
export type ProjectPorts = Claims | Conversations | Leases | RunLog | Runs | WorkerRegistry

export class ControlPlane extends Context.Tag("@runlease/core/ControlPlane")<
  ControlPlane,
  {
    /** The ports of one project. Cheap: made for each request. */
    readonly project: (projectId: Ids.ProjectId) => Context.Context<ProjectPorts>

    /** Succeeds when the store answers. */
    readonly ready: Effect.Effect<void, ControlPlaneUnavailable>
  }
>() {}

/** The slug of the project that always exists. */
export const defaultProject = "default"

/**
 * The ports of one project, by slug or id.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerProject = (
  reference: string = defaultProject,
): Layer.Layer<ProjectPorts, ProjectNotFound | ControlPlaneUnavailable, ControlPlane | Access> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const access = yield* Access
      const project = yield* access.getProject(reference)
      return controlPlane.project(project.id)
    }),
  )
