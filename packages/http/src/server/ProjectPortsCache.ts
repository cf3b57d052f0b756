/**
 * Keeps each project's ports once they were made: they hold no state of a request, and every request needs them.
 *
 * @since 0.1.0
 */
import { ControlPlane, type Ids } from "@runlease/core"
import { Context, Effect, Layer } from "effect"

export type Ports = Context.Context<ControlPlane.StorePorts>

export class ProjectPortsCache extends Context.Tag("@runlease/http/server/ProjectPortsCache")<
  ProjectPortsCache,
  { readonly ports: (projectId: Ids.ProjectId) => Ports }
>() {}

export const layer: Layer.Layer<ProjectPortsCache, never, ControlPlane.ControlPlane> = Layer.effect(
  ProjectPortsCache,
  Effect.map(ControlPlane.ControlPlane, (controlPlane) => {
    const cache = new Map<Ids.ProjectId, Ports>()
    return {
      ports: (projectId) => {
        const ports = cache.get(projectId) ?? controlPlane.project(projectId)
        cache.set(projectId, ports)
        return ports
      },
    }
  }),
)
