/** Starts runs of the executor under test, waits for a state, and checks how they end. */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { ExecutorError, type ExecutorFailure, toStream } from "@runlease/core/Executor"
import * as MemoryControlPlane from "@runlease/store/MemoryControlPlane"
import { Cause, Duration, Effect, Exit, Fiber, Option, type Scope, Stream } from "effect"
import * as EventOrder from "../EventOrder.js"
import * as TestRuns from "../TestRuns.js"
import type { Subject } from "./Subject.js"

/** Much longer than any step takes, even on a busy machine. */
const timeLimit = Duration.seconds(30)

/** Declares a test by the real clock, as peers do real I/O, over its own control plane in memory. */
export const test = <A, E>(title: string, body: Effect.Effect<A, E, ProjectPorts | Scope.Scope>): void =>
  it.live(title, () => body.pipe(Effect.scoped, Effect.provide(MemoryControlPlane.layer)))

/** Dies and names the awaited state when `effect` takes far too long. */
export const inTime =
  (state: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.timeoutFailCause(effect, {
      duration: timeLimit,
      onTimeout: () => Cause.die(new Error(`After ${Duration.format(timeLimit)} still not: ${state}`)),
    })

/** Repeats `look` until its value satisfies `is`. */
export const until = <A, E, R>(
  state: string,
  look: Effect.Effect<A, E, R>,
  is: (value: A) => boolean,
): Effect.Effect<A, E, R> => look.pipe(Effect.delay("10 millis"), Effect.repeat({ until: is }), inTime(state))

/** Waits until no peer is running. */
export const untilNoPeer = (subject: Subject): Effect.Effect<number> =>
  until("no peer is running", subject.alive, (alive) => alive === 0)

/** A run that is being executed. */
export interface Execution {
  readonly events: ReadonlyArray<LogEvent>
  /** Waits until the text so far equals `text`. */
  readonly untilText: (text: string) => Effect.Effect<void>
  /** Consumes `more` further events, for an execution that started with a limit. */
  readonly consume: (more: number) => Effect.Effect<void>
  /** Waits for the execution to end by itself. */
  readonly exit: Effect.Effect<Exit.Exit<void, ExecutorFailure>>
  /** Interrupts the execution and waits for its end. */
  readonly interrupt: Effect.Effect<Exit.Exit<void, ExecutorFailure>>
}

/** Executes a run and consumes its events: all, or the first `limit` of them until `consume` raises the limit. */
export const start = (
  { execute, submission }: Subject,
  { limit = Number.POSITIVE_INFINITY }: { readonly limit?: number } = {},
): Effect.Effect<Execution, unknown, ProjectPorts | Scope.Scope> =>
  Effect.gen(function* () {
    const events: Array<LogEvent> = []
    const gate = yield* Effect.makeLatch(true)
    let most = limit
    const worker = yield* TestRuns.register()
    yield* TestRuns.submit(submission)
    const run = yield* TestRuns.claimOne(worker, { leaseDuration: "300 seconds" })
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(toStream(execute)(run), (event) =>
        Effect.suspend(() => {
          events.push(event)
          if (events.length >= most) gate.unsafeClose()
          return gate.await
        }),
      ),
    )
    const count = Effect.sync(() => events.length)
    return {
      events,
      untilText: (text) => {
        const look = Effect.sync(() => EventOrder.textOf(events))
        return Effect.asVoid(until(`the text is ${JSON.stringify(text)}`, look, (now) => now === text))
      },
      consume: (more) =>
        Effect.suspend(() => {
          most = events.length + more
          gate.unsafeOpen()
          return Effect.asVoid(until(`${most} events arrived`, count, (now) => now >= most))
        }),
      exit: inTime("the execution has ended")(Fiber.await(fiber)),
      interrupt: inTime("the execution is interrupted")(Fiber.interrupt(fiber)),
    }
  })

/** Checks that the execution ends without a failure and its whole text is `text`. */
export const assertSucceeded = (execution: Execution, text: string): Effect.Effect<void> =>
  Effect.map(execution.exit, (exit) => {
    deepStrictEqual(exit, Exit.void)
    deepStrictEqual(EventOrder.violations(execution.events, { ended: true }), [])
    strictEqual(EventOrder.textOf(execution.events), text)
  })

/** Checks that the execution ends with an `ExecutorError` after exactly `text`, and returns the error. */
export const assertFailed = (execution: Execution, text: string): Effect.Effect<ExecutorError> =>
  Effect.map(execution.exit, (exit) => {
    const failure = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
    if (Option.isNone(failure) || !(failure.value instanceof ExecutorError)) {
      throw new Error(`The execution did not end with an ExecutorError: ${String(exit)}`)
    }
    deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
    strictEqual(EventOrder.textOf(execution.events), text)
    return failure.value
  })
