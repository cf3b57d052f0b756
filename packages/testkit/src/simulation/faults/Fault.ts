/** What a deliberate fault is. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { Run } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import type { RememberedLeases } from "@runlease/store/RememberedLeases"
import { Context, Effect, type Scope } from "effect"

export type Ports = Context.Context<ProjectPorts>

/** Makes the ports lie. The Scope is that of the store, or of the worker. */
export interface Change {
  (ports: Ports): Effect.Effect<Ports, never, Scope.Scope>
}

/**
 * `store` changes the ports where the store serves them, `worker` where a worker has them, and `leases` what a store remembers.
 * `slots` changes how many runs a worker executes at once.
 */
export interface DeliberateFault {
  readonly sentence: string
  readonly store?: Change
  readonly worker?: Change
  readonly slots?: (slots: number) => number
  readonly leases?: (remembered: RememberedLeases) => RememberedLeases
}

/** Changes one port. */
export const replace =
  <I extends ProjectPorts, S>(tag: Context.Tag<I, S>, change: (service: S, ports: Ports) => S): Change =>
  (ports) =>
    Effect.sync(() => Context.add(ports, tag, change(Context.get(ports, tag), ports)))

/** Shows each run as `shown` makes it. */
export const showing = (shown: (run: Run) => Run): Change =>
  replace(Runs, (runs) => ({
    ...runs,
    get: (runId) => Effect.map(runs.get(runId), shown),
    list: (options) => Effect.map(runs.list(options), (page) => ({ ...page, items: page.items.map(shown) })),
  }))

/** Changes one port after another. */
export const all =
  (...changes: ReadonlyArray<Change>): Change =>
  (ports) =>
    Effect.reduce(changes, ports, (before, change) => change(before))
