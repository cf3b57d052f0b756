/**
 * Deferreds of a workflow, and its clocks, which are deferreds that time completes.
 *
 * The exit that the workflow has read of a deferred is a record, so a later attempt reads the same one.
 */
import { Step, StepRecord } from "@runlease/core"
import { StepLog } from "@runlease/core/executor"
import { Cause, Clock, Deferred, Duration, Effect, Exit, FiberId } from "effect"
import type { Attempt } from "./Attempt.js"
import * as Exits from "./Exits.js"
import * as Messages from "./Messages.js"
import { pause, type Waits } from "./Waits.js"

const recordName = "DurableDeferred"

/** A race looks whether it is over before it begins, and completes its deferred itself. */
const isOfRace = (name: string): boolean => name.startsWith("raceAll/")

export interface Deferreds {
  /** The exit of a deferred, for which it waits. Undefined where a race has not been decided. */
  readonly result: (name: string) => Effect.Effect<Exit.Exit<unknown, unknown> | undefined>

  /** Completes a deferred of this execution. */
  readonly complete: (name: string, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>

  /** Makes the deferred of a clock one that time completes. */
  readonly schedule: (name: string, duration: Duration.Duration) => Effect.Effect<void>
}

export const make = (attempt: Attempt, waits: Waits): Deferreds => {
  const clocks = new Map<string, Duration.Duration>()

  /** The exits that the workflow itself has set for its deferreds. */
  const completed = new Map<string, Deferred.Deferred<unknown>>()

  const own = (name: string): Deferred.Deferred<unknown> => {
    const earlier = completed.get(name)
    if (earlier !== undefined) return earlier
    const made = Deferred.unsafeMake<unknown>(FiberId.none)
    completed.set(name, made)
    return made
  }

  const isRecorded = (name: string) =>
    Effect.map(
      attempt.steps.recorded,
      (records) =>
        records.get(StepRecord.stepIdOf({ within: undefined, name: recordName, key: name }))?.done !==
        undefined,
    )

  /** Records an exit, unless one is recorded, and returns the one that is. */
  const record = (name: string, exit: Effect.Effect<unknown>): Effect.Effect<unknown> =>
    attempt.once(`exit ${name}`, Step.run(recordName, exit, { key: name }))

  const look = (name: string) =>
    Effect.map(attempt.steps.messages, (messages) => ({
      exit: Messages.exitOf(messages, name),
      inbox: messages.length,
    }))

  /** Waits until somebody else completes the deferred. */
  const outside = (name: string) =>
    Effect.gen(function* () {
      const { park } = (yield* StepLog.StepLog).steps()
      let found = yield* look(name)
      while (found.exit === undefined) {
        const { inbox } = found
        yield* park(
          undefined,
          { inbox },
          Effect.repeat(look(name), { schedule: pause, until: ({ exit }) => exit !== undefined }),
        )
        found = yield* look(name)
      }
      return found.exit
    })

  const wait = (name: string) =>
    waits.wait(
      `deferred ${name}`,
      Effect.flatMap(isRecorded(name), (isKnown) =>
        isKnown
          ? record(name, Effect.never)
          : Effect.flatMap(Effect.raceFirst(Deferred.await(own(name)), outside(name)), (exit) =>
              record(name, Effect.succeed(exit)),
            ),
      ),
    )

  /** When a clock is due, on the monotonic clock in nanoseconds. Its sleep begins once, and is waited for below. */
  const dueAt = (name: string, duration: Duration.Duration) =>
    attempt.once(
      `clock ${name}`,
      Effect.gen(function* () {
        let due = yield* Clock.currentTimeNanos
        const begin = (awaited: { readonly duration: Duration.Duration }) =>
          Effect.map(Clock.currentTimeNanos, (now) => {
            due = now + Duration.unsafeToNanos(awaited.duration)
          })
        yield* Effect.provideService(Step.sleep("DurableClock", duration, { key: name }), StepLog.StepLog, {
          steps: () => ({
            ...attempt.steps,
            // A sleep parks for its time, and has no value.
            park: (_within, awaited) =>
              ("duration" in awaited ? begin(awaited) : Effect.void) as Effect.Effect<never>,
          }),
        })
        return due
      }),
    )

  const sleep = (name: string, duration: Duration.Duration) =>
    waits.wait(
      `clock ${name}`,
      Effect.gen(function* () {
        const { park } = (yield* StepLog.StepLog).steps()
        const due = yield* dueAt(name, duration)
        const now = yield* Clock.currentTimeNanos
        if (due <= now) return
        const left = Duration.nanos(due - now)
        yield* park(undefined, { duration: left }, Effect.sleep(left))
      }),
    )

  const decode = (json: unknown): Effect.Effect<Exit.Exit<unknown, unknown>> =>
    Effect.orDie(Exits.fromJson(json))

  return {
    result: (name) =>
      Effect.suspend(() => {
        const clock = clocks.get(name)
        if (clock !== undefined) return Effect.as(sleep(name, clock), Exit.void)
        if (!isOfRace(name)) return Effect.flatMap(wait(name), decode)
        return Effect.flatMap(attempt.operation(isRecorded(name)), (isKnown) =>
          isKnown ? Effect.flatMap(record(name, Effect.never), decode) : Effect.succeed(undefined),
        )
      }),
    complete: (name, exit) => {
      // The interruption of the workflow is no exit of what it was doing.
      if (attempt.instance.interrupted && Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)) {
        return Effect.void
      }
      return Effect.flatMap(Effect.orDie(Exits.toJson(exit)), (json) =>
        Effect.zipRight(Deferred.succeed(own(name), json), record(name, Effect.succeed(json))),
      )
    },
    schedule: (name, duration) =>
      Effect.sync(() => {
        if (!clocks.has(name)) clocks.set(name, duration)
      }),
  }
}
