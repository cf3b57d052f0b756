/**
 * Keeps each project's ports once they were made: they hold no state of a request, and every request needs them.
 *
 * @since 0.1.0
 */
import { Claims, ControlPlane, type Ids } from "@runlease/core"
import { Context, Effect, Layer } from "effect"
import { ClaimAnswers } from "./ClaimAnswers.js"

export type Ports = Context.Context<ControlPlane.StorePorts>

export class ProjectPortsCache extends Context.Tag("@runlease/http/server/ProjectPortsCache")<
  ProjectPortsCache,
  { readonly ports: (projectId: Ids.ProjectId) => Ports }
>() {}

export const layer: Layer.Layer<ProjectPortsCache, never, ClaimAnswers | ControlPlane.ControlPlane> =
  Layer.effect(
    ProjectPortsCache,
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane.ControlPlane
      const { observed } = yield* ClaimAnswers
      const cache = new Map<Ids.ProjectId, Ports>()
      const make = (projectId: Ids.ProjectId): Ports => {
        const ports = controlPlane.project(projectId)
        return Context.add(ports, Claims.Claims, observed(Context.get(ports, Claims.Claims)))
      }
      return {
        ports: (projectId) => {
          const ports = cache.get(projectId) ?? make(projectId)
          cache.set(projectId, ports)
          return ports
        },
      }
    }),
  )
