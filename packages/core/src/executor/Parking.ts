/**
 * Waits of a run: fibers that are parked, and steps that are in flight meanwhile.
 *
 * A run of which nothing is in flight needs no worker. Then it is suspended until the first of its waits ends, unless that is a time
 * which comes soon. A step that is in flight is never lost to the wait of another fiber.
 *
 * Source: docs/decisions/0059-parking-and-waiting.md
 */
import { Clock, Duration, Effect, type Fiber, FiberId } from "effect"
import type { Interrupts } from "../model/Interrupt.js"

/** How long nothing may be in flight before the run is suspended: two steps in a row have a moment between them. */
const quiet = Duration.millis(50)

/** A step by its id, and the id of the step that it is in. `name`: that of the step; absent for a read of the control plane. */
export interface Place {
  readonly id: string
  readonly name?: string
  readonly within: string | undefined
}

/** Questions of one fiber, and how long the run waits for the answers. */
export interface Questions {
  readonly interrupts: Interrupts
  readonly expiresAfter?: Duration.Duration | undefined
}

/**
 * What a parked fiber waits for: until a time is over, until all of these children have ended, by their indexes, or until the run has
 * more than a number of messages, or until the budget of its tree is raised, or until these questions are answered.
 */
export type Wait =
  | { readonly duration: Duration.Duration }
  | { readonly children: ReadonlyArray<number> }
  | { readonly inbox: number }
  | { readonly budget: true }
  | Questions

/** All that a run waits for. `wakesAt` is on the monotonic clock, in nanoseconds. */
export interface Waits {
  readonly wakesAt: bigint | undefined
  readonly children: ReadonlyArray<ReadonlyArray<number>>
  readonly inbox: number | undefined
  readonly budget: boolean
  readonly questions: ReadonlyArray<Questions>
}

/** A wait with its time on the monotonic clock, in nanoseconds. */
type Parked = Exclude<Wait, { readonly duration: unknown }> | { readonly wakesAt: bigint }

export interface Parking {
  /** Runs a step, which is in flight until it ends. It is not while a wait in it is parked. */
  readonly inFlight: <A, E, R>(step: Place, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

  /** Begins a step, which is in flight as in `inFlight` until the result is called. */
  readonly enter: (step: Place) => () => void

  /** Waits in the step `within` while `effect` runs. Where the run is suspended meanwhile, the executor is interrupted. */
  readonly park: <A, E, R>(
    within: string | undefined,
    wait: Wait,
    effect: Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>

  /** Suspends the run no more. */
  readonly close: () => void
}

/**
 * `suspend` is called when nothing is in flight. Where all waits are for times, and the first of them comes within `inMemory`, they stay
 * in the worker. `fork` starts a fiber of the run.
 */
export const make = (options: {
  readonly inMemory: Duration.Duration
  readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  readonly suspend: (waits: Waits) => void
}): Parking => {
  /** The steps in flight, each with the number of waits that are parked in it. */
  const steps = new Map<string, { readonly within: string | undefined; parked: number }>()
  const waits = new Set<Parked>()
  const inMemory = Duration.unsafeToNanos(options.inMemory)
  let watch: Fiber.RuntimeFiber<void> | undefined
  let closed = false

  const suspend = Effect.map(Clock.currentTimeNanos, (now) => {
    watch = undefined
    let wakesAt: bigint | undefined
    let inbox: number | undefined
    let budget = false
    const children: Array<ReadonlyArray<number>> = []
    const questions: Array<Questions> = []
    for (const wait of waits) {
      if ("children" in wait) children.push(wait.children)
      else if ("budget" in wait) budget = true
      else if ("interrupts" in wait) questions.push(wait)
      else if ("inbox" in wait) inbox = Math.min(wait.inbox, inbox ?? wait.inbox)
      else if (wakesAt === undefined || wait.wakesAt < wakesAt) wakesAt = wait.wakesAt
    }
    const isSoon = wakesAt !== undefined && wakesAt - now <= inMemory
    const isLong = children.length > 0 || questions.length > 0 || inbox !== undefined || budget || !isSoon
    if (isLong) options.suspend({ wakesAt, children, inbox, budget, questions })
  })

  const isBusy = (): boolean => {
    for (const { parked } of steps.values()) if (parked === 0) return true
    return false
  }

  const stopWatching = (): void => {
    watch?.unsafeInterruptAsFork(FiberId.none)
    watch = undefined
  }

  const changed = (): void => {
    stopWatching()
    if (closed || waits.size === 0 || isBusy()) return
    watch = options.fork(Effect.delay(suspend, quiet))
  }

  const count = (within: string | undefined, change: 1 | -1): void => {
    for (let step = within; step !== undefined;) {
      const place = steps.get(step)
      if (place === undefined) return
      place.parked += change
      step = place.within
    }
  }

  const enter: Parking["enter"] = ({ id, within }) => {
    steps.set(id, { within, parked: 0 })
    if (waits.size > 0) changed()
    return () => {
      steps.delete(id)
      if (waits.size > 0) changed()
    }
  }

  return {
    enter,
    inFlight: (step, effect) => Effect.suspend(() => Effect.ensuring(effect, Effect.sync(enter(step)))),
    park: (within, awaited, effect) =>
      Effect.flatMap(Clock.currentTimeNanos, (now) => {
        const wait: Parked =
          "duration" in awaited ? { wakesAt: now + Duration.unsafeToNanos(awaited.duration) } : awaited
        waits.add(wait)
        count(within, 1)
        changed()
        return Effect.ensuring(
          effect,
          Effect.sync(() => {
            waits.delete(wait)
            count(within, -1)
            changed()
          }),
        )
      }),
    close: () => {
      closed = true
      stopWatching()
    },
  }
}
