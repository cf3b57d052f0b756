/**
 * Keeps each project's ports once they were made: they hold no state of a request, and every request needs them.
 *
 * @since 0.1.0
 */
import { ControlPlane, type Ids } from "@runlease/core"
import { Context, Effect, Layer } from "effect"

export type Ports = Context.Context<ControlPlane.ProjectPorts>

export class KnownProjects extends Context.Tag("@runlease/http/server/KnownProjects")<
  KnownProjects,
  { readonly ports: (projectId: Ids.ProjectId) => Ports }
>() {}

export const layer: Layer.Layer<KnownProjects, never, ControlPlane.ControlPlane> = Layer.effect(
  KnownProjects,
  Effect.map(ControlPlane.ControlPlane, (controlPlane) => {
    const known = new Map<Ids.ProjectId, Ports>()
    return {
      ports: (projectId) => {
        const ports = known.get(projectId) ?? controlPlane.project(projectId)
        known.set(projectId, ports)
        return ports
      },
    }
  }),
)
