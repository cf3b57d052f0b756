/**
 * The life of a worker that may die at a place, as a process that is killed does: none of its fibers does anything more, and no finalizer runs.
 * What it has requested of the control plane by then happens.
 */
import { Context, Effect, Fiber, FiberId, Predicate, Scheduler, type Scope } from "effect"
import { Claims } from "../ports/Claims.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Conversations } from "../ports/Conversations.js"
import { Leases } from "../ports/Leases.js"
import { Limits } from "../ports/Limits.js"
import { RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import { WorkerRegistry } from "../ports/WorkerRegistry.js"

export interface Life {
  readonly number: number
  readonly isDead: () => boolean
  readonly die: () => void

  /** The worker comes to a place. Returns whether it is dead then. */
  readonly diesAt: (place: string) => boolean

  /** As `diesAt`, and never ends where the worker is dead. */
  readonly at: (place: string) => Effect.Effect<void>

  /** Runs the fibers of the worker as long as it lives. */
  readonly scheduler: Scheduler.Scheduler

  /** Its claims that wait at the control plane. They end with it, as with its connection. */
  readonly claims: Set<Fiber.RuntimeFiber<unknown, unknown>>
}

/** Never ends, and keeps no process alive, as `Effect.never` does. */
export const forever = Effect.async<never>(() => {})

/** Counts what fibers do, so that the test sees when all of them wait. */
export class Activity {
  count = 0

  readonly scheduler = (isDead: () => boolean): Scheduler.Scheduler => {
    const scheduler = new Scheduler.MixedScheduler(2048)
    return {
      shouldYield: (fiber) => scheduler.shouldYield(fiber),
      scheduleTask: (task, priority, fiber) => {
        if (isDead()) return
        this.count += 1
        scheduler.scheduleTask(
          () => {
            if (!isDead()) task()
          },
          priority,
          fiber,
        )
      },
    }
  }
}

/** `isLast`: whether the worker dies at the place. */
export const make = (number: number, activity: Activity, isLast: (place: string) => boolean): Life => {
  let dead = false
  const claims: Life["claims"] = new Set()
  const die = () => {
    dead = true
    for (const claim of claims) claim.unsafeInterruptAsFork(FiberId.none)
  }
  const diesAt = (place: string): boolean => {
    if (!dead && isLast(place)) die()
    return dead
  }
  return {
    number,
    claims,
    isDead: () => dead,
    die,
    diesAt,
    at: (place) => Effect.suspend(() => (diesAt(place) ? forever : Effect.void)),
    scheduler: activity.scheduler(() => dead),
  }
}

/** What the worker has called, and the place of the call where it is a write after which another worker would do something else. */
export interface OnWrite {
  (port: string, method: string, args: ReadonlyArray<unknown>): string | undefined
}

const ports = [Claims, Conversations, Leases, Limits, RunLog, Runs, WorkerRegistry] as const

/** The ports of a plane for a worker that may die before and after each write. `plane` runs the requests that it has sent, also after its death. */
export const mortalPorts = (
  of: Context.Context<ProjectPorts>,
  life: Life,
  plane: { readonly scheduler: Scheduler.Scheduler; readonly scope: Scope.Scope },
  onWrite: OnWrite,
): Context.Context<ProjectPorts> => {
  const call = <A, E, R>(port: string, request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.withScheduler(Effect.forkIn(request, plane.scope), plane.scheduler), (fiber) => {
      if (port === "Claims") {
        life.claims.add(fiber)
        fiber.addObserver(() => life.claims.delete(fiber))
      }
      return Effect.onInterrupt(Fiber.join(fiber), () => Fiber.interrupt(fiber))
    })
  const mortal = <Port extends object>(port: string, service: Port): Port =>
    Object.fromEntries(
      Object.entries(service).map(([method, member]) => {
        if (Effect.isEffect(member)) return [method, call(port, member)]
        if (!Predicate.isFunction(member)) return [method, member]
        return [
          method,
          (...args: ReadonlyArray<unknown>) => {
            const returned: unknown = member(...args)
            if (!Effect.isEffect(returned)) return returned
            return Effect.suspend(() => {
              const write = onWrite(port, method, args)
              return write === undefined
                ? call(port, returned)
                : Effect.zipLeft(
                    Effect.zipRight(life.at(`before ${write}`), call(port, returned)),
                    life.at(`after ${write}`),
                  )
            })
          },
        ]
      }),
    ) as Port
  return ports.reduce((all, tag) => {
    const port = tag as Context.Tag<ProjectPorts, object>
    return Context.add(all, port, mortal(tag.key.slice(tag.key.lastIndexOf("/") + 1), Context.get(of, port)))
  }, of)
}
