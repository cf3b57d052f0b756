/**
 * Durable waits of a workflow, which an interruption of the workflow ends.
 *
 * An execution is interrupted where it waits, once nothing else of it is in flight. The record of the interruption names the waits
 * that it has ended, so that a later attempt is interrupted at the same place, whatever has come since.
 */
import { type Executor, Step, StepRecord } from "@runlease/core"
import { StepLog } from "@runlease/core/executor"
import { Deferred, Effect, FiberId, Option, Schedule, Schema } from "effect"
import { type Attempt, outsideSteps } from "./Attempt.js"
import { isInterruption } from "./Messages.js"

type RunContext = Executor.RunContext

/** How often a wait that stays in the worker looks. */
export const pause = Schedule.spaced("1 second")

const Interruption = Schema.Array(Schema.String)
const interruptionName = "Workflow/Interrupted"
const interruptionId = StepRecord.stepIdOf({ within: undefined, name: interruptionName, key: undefined })

export interface Waits {
  /** Runs what waits, under a name that is the same in each attempt. Waits of one name may run at once. */
  readonly wait: <A>(name: string, effect: Effect.Effect<A, unknown, RunContext>) => Effect.Effect<A>
}

export const make = (attempt: Attempt): Waits => {
  const { flight, instance, steps } = attempt
  const ended = new Set<string>()
  const signalled = Deferred.unsafeMake<void>(FiberId.none)
  let waits = 0
  let ending = false

  /** The waits that an earlier attempt was interrupted at, if it was. */
  const recorded = attempt.once(
    "interruption",
    Effect.flatMap(steps.recorded, (records) =>
      records.get(interruptionId)?.done === undefined
        ? Effect.succeed<ReadonlyArray<string> | undefined>(undefined)
        : Step.run(interruptionName, Effect.never, { schema: Interruption }),
    ),
  )

  /** Interrupts the workflow once nothing of it is in flight. */
  const interrupt = Effect.gen(function* () {
    yield* flight.atRest
    const before = yield* recorded
    if (before === undefined) {
      yield* Step.run(
        interruptionName,
        Effect.sync(() => Array.from(ended)),
        { schema: Interruption },
      )
    }
    instance.interrupted = true
    const body = yield* Deferred.await(attempt.body)
    body.unsafeInterruptAsFork(FiberId.none)
  })

  /** Ends the wait by the interruption of the workflow. */
  const end = (name: string): Effect.Effect<never> =>
    Effect.suspend(() => {
      ended.add(name)
      if (ending) return Effect.never
      ending = true
      return Effect.zipRight(attempt.fork(interrupt), Effect.never)
    })

  /** How many messages the run has, none of which interrupts it; absent where one does. */
  const look = Effect.flatMap(steps.messages, (messages) =>
    messages.some(isInterruption)
      ? Effect.as(Deferred.succeed(signalled, undefined), undefined)
      : Effect.succeed(messages.length),
  )

  const untilInterrupted = Effect.raceFirst(
    Deferred.await(signalled),
    Effect.repeat(Effect.orDie(look), { schedule: pause, until: (count) => count === undefined }),
  )

  /** Waits in the place, for an interruption too. */
  const parkFor =
    (name: string, place: string): StepLog.AttemptSteps["park"] =>
    (_within, awaited, effect) => {
      if (instance.interrupted) return steps.park(place, awaited, effect)
      const ended = flight.parked(place, end(name))
      return Effect.flatMap(Effect.orDie(look), (inbox) =>
        inbox === undefined
          ? ended
          : Effect.raceFirst(Effect.asSome(effect), Effect.as(untilInterrupted, Option.none())).pipe(
              (waiting) => steps.park(place, awaited, waiting),
              (waiting) => steps.park(place, { inbox }, waiting),
              Effect.flatMap((found) => (Option.isSome(found) ? Effect.succeed(found.value) : ended)),
            ),
      )
    }

  return {
    wait: (name, effect) =>
      attempt.operation(
        Effect.flatMap(Effect.serviceOption(Step.CurrentStep), (enclosing) => {
          waits += 1
          const place = { id: `wait ${waits} ${name}`, within: Option.getOrUndefined(enclosing)?.id }
          const log = { steps: () => ({ ...steps, park: parkFor(name, place.id) }) }
          const waiting = outsideSteps(Effect.provideService(effect, StepLog.StepLog, log))
          return steps.inFlight(
            place,
            instance.interrupted
              ? waiting
              : Effect.flatMap(recorded, (before) =>
                  before?.includes(name) === true ? flight.parked(place.id, end(name)) : waiting,
                ),
          )
        }),
      ),
  }
}
