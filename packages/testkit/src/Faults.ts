/** Faults: a real implementation of a port with one of its methods replaced. */
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import { Context, Layer } from "effect"

/**
 * The same layer with one of its services replaced by `change` of it.
 *
 * ```ts
 * Faults.over(Leases.Leases, (leases) => ({ ...leases, renew: () => Effect.never }))(layer)
 * ```
 */
export const over =
  <I, S>(tag: Context.Tag<I, S>, change: (service: S) => S) =>
  <A, E, R>(layer: Layer.Layer<A | I, E, R>): Layer.Layer<A | I, E, R> =>
    Layer.map(layer, (context) =>
      Context.add(context, tag, change(Context.get(context as Context.Context<A | I>, tag))),
    )

/** The same control plane with a port of each of its projects replaced by `change` of it. */
export const overProjects = <I extends StorePorts, S>(tag: Context.Tag<I, S>, change: (service: S) => S) =>
  over(ControlPlane, (controlPlane) => ({
    ...controlPlane,
    project: (projectId) => {
      const ports = controlPlane.project(projectId)
      return Context.add(ports, tag, change(Context.get(ports, tag)))
    },
  }))
