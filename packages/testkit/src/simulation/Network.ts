/**
 * The network of a simulated world: requests of processes to the store, and the answers to them, which get lost, late or doubled as the
 * plan says.
 */
import { closed, ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import { Cause, Effect, Exit, type Fiber, FiberId, Option, Stream } from "effect"
import type { Fault, MessageFault, Plan } from "./Plan.js"
import * as Prng from "./Prng.js"
import type { Process } from "./Process.js"
import type { VirtualTime } from "./VirtualTime.js"

/** A request to the store, and what is to know of it. */
export interface Request<A, E> {
  readonly operation: string
  /** How long the sender waits for an answer, in milliseconds of its clock. */
  readonly patience: number
  /** What the store does for it. */
  readonly serve: Effect.Effect<A, E>
  /** Called when the store has done that, for each copy. */
  readonly executed: (exit: Exit.Exit<A, E>) => void
  /** Called with what the sender is answered. */
  readonly received: (exit: Exit.Exit<A, E | ControlPlaneUnavailable>) => void
}

/** The connection of one process to the store. */
export interface Link {
  readonly request: <A, E>(request: Request<A, E>) => Effect.Effect<A, E | ControlPlaneUnavailable>

  /** What the store pushes. Nothing reports that some of it is lost. */
  readonly pushes: <A>(operation: string, stream: Stream.Stream<A, unknown>) => Stream.Stream<A>

  /** The store notices that the process is gone: it stops what it does for it. */
  readonly reset: () => void
}

export interface Network {
  /** When the last message arrives that is under way, unless another one is sent. */
  readonly lastArrival: () => number

  /** Connects a process, which has the faults of `name`. A later process of the same name continues in its count of requests. */
  readonly link: (name: string, process: Process) => Link
}

type Trouble = Extract<Fault, { readonly _tag: "Partition" | "Stall" }>

const unavailable = (operation: string, message: string): ControlPlaneUnavailable =>
  new ControlPlaneUnavailable({ operation, message })

/** `store` is the process that serves. */
export const make = (options: {
  readonly time: VirtualTime
  readonly store: Process
  readonly plan: Plan
  /** Called when the store dies of a request. */
  readonly died: (operation: string, cause: Cause.Cause<unknown>) => void
}): Network => {
  const { plan, store, time } = options
  const faults = new Map<string, MessageFault>()
  const troubles = new Map<string, Array<Trouble>>()
  for (const fault of plan.faults) {
    if (fault._tag === "Message") faults.set(`${fault.link} ${fault.operation} ${fault.nth}`, fault.fault)
    if (fault._tag !== "Partition" && fault._tag !== "Stall") continue
    const others = troubles.get(fault.link) ?? []
    troubles.set(fault.link, [...others, fault])
  }
  const counts = new Map<string, number>()
  let lastArrival = 0

  /** What troubles such messages of a link now. */
  const troubleOf = (link: string, what: "requests" | "answers"): Trouble | undefined => {
    const now = time.now() / 1000
    return troubles.get(link)?.find((trouble) => {
      const { at, millis } = trouble
      const concerns = trouble._tag === "Partition" ? trouble.loses : trouble.delays
      return at <= now && now < at + millis && (concerns === what || concerns === "both")
    })
  }

  return {
    lastArrival: () => lastArrival,
    link: (name, process) => {
      const serving = new Set<Fiber.RuntimeFiber<unknown, unknown>>()

      /** Brings a message to its end, unless the link loses it. `travel` is in microseconds. */
      const carry = (what: "requests" | "answers", travel: number, arrive: () => void): void => {
        const trouble = troubleOf(name, what)
        if (trouble?._tag === "Partition") return
        const sentAt = trouble === undefined ? time.now() : (trouble.at + trouble.millis) * 1000
        lastArrival = Math.max(lastArrival, sentAt + travel)
        time.at(sentAt + travel, arrive)
      }

      /** A number of this message alone, so that it takes as long when others are left out. */
      const messageOf = (operation: string) => {
        const kind = `${name} ${operation}`
        const nth = (counts.get(kind) ?? 0) + 1
        counts.set(kind, nth)
        const travel = (leg: string): number =>
          100 + (Prng.hash(plan.seed, kind, nth, leg) % Math.max(1, plan.latency * 1000))
        return { fault: faults.get(`${kind} ${nth}`), travel }
      }

      const request: Link["request"] = ({ executed, operation, patience, received, serve }) =>
        Effect.async((resume) => {
          if (process.isBuried()) return resume(closed(operation))
          const { fault, travel } = messageOf(operation)
          let isOpen = true
          const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
          const finish = (exit: Parameters<typeof received>[0]): void => {
            if (!isOpen) return
            isOpen = false
            giveUp()
            received(exit)
            resume(exit)
          }
          const giveUp = process.after(patience * 1000, () =>
            finish(Exit.fail(unavailable(operation, "No answer"))),
          )
          const answer = (exit: Parameters<typeof finish>[0], leg: string): void => {
            if (fault?._tag === "LoseAnswer") return
            const late = fault?._tag === "DelayAnswer" ? fault.millis * 1000 : 0
            carry("answers", travel(`answer ${leg}`) + late, () => process.deliver(() => finish(exit)))
          }
          const arrive = (leg: string): void => {
            if (fault?._tag === "FailBefore") {
              answer(Exit.fail(unavailable(operation, "The store failed")), leg)
              return
            }
            const fiber = store.fork(serve)
            fibers.push(fiber)
            serving.add(fiber)
            fiber.addObserver((exit) => {
              serving.delete(fiber)
              if (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)) return
              if (Exit.isFailure(exit) && Option.isNone(Cause.failureOption(exit.cause))) {
                options.died(operation, exit.cause)
              }
              executed(exit)
              answer(
                fault?._tag === "FailAfter" ? Exit.fail(unavailable(operation, "The store failed")) : exit,
                leg,
              )
            })
          }
          const send = (leg: string, late: number): void => {
            if (fault?._tag === "LoseRequest") return
            carry("requests", travel(leg) + late * 1000, () => store.deliver(() => arrive(leg)))
          }
          send("first", fault?._tag === "DelayRequest" ? fault.millis : 0)
          if (fault?._tag === "Repeat") send("second", fault.millis)

          // A sender that stops waiting closes its connection, which the store notices unless it is cut off.
          return Effect.sync(() => {
            isOpen = false
            giveUp()
            carry("requests", travel("close"), () => {
              for (const fiber of fibers) fiber.unsafeInterruptAsFork(FiberId.none)
            })
          })
        })

      return {
        request,
        pushes: (operation, stream) =>
          Stream.asyncPush((emit) =>
            Effect.acquireRelease(
              Effect.sync(() => {
                const fiber = store.fork(
                  Effect.ignore(
                    Stream.runForEach(stream, (pushed) =>
                      Effect.sync(() => {
                        const { fault, travel } = messageOf(operation)
                        if (fault?._tag === "LoseAnswer") return
                        carry("answers", travel("push"), () => process.deliver(() => emit.single(pushed)))
                      }),
                    ),
                  ),
                )
                serving.add(fiber)
                return fiber
              }),
              (fiber) => Effect.sync(() => fiber.unsafeInterruptAsFork(FiberId.none)),
            ),
          ),
        reset: () => {
          for (const fiber of serving) fiber.unsafeInterruptAsFork(FiberId.none)
        },
      }
    },
  }
}
