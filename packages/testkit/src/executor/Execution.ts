/** Runs of an executor under test, and waiting for what becomes of them. */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { ExecutorError, type ExecutorFailure } from "@runlease/core/Executor"
import * as MemoryControlPlane from "@runlease/core/MemoryControlPlane"
import { Cause, Duration, Effect, Exit, Fiber, Option, type Scope, Stream } from "effect"
import * as EventOrder from "../EventOrder.js"
import * as TestRuns from "../TestRuns.js"
import type { Subject } from "./Subject.js"

/** Much longer than anything here takes, also where many tests share a machine. */
const patience = Duration.seconds(30)

/** Declares a test by the real clock, which peers live by, over a control plane of its own in memory. */
export const test = <A, E>(title: string, body: Effect.Effect<A, E, ProjectPorts | Scope.Scope>): void =>
  it.live(title, () => body.pipe(Effect.scoped, Effect.provide(MemoryControlPlane.layer)), 120_000)

/** Dies, saying what was waited for, when `effect` takes far too long. */
export const soon =
  (what: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.timeoutFailCause(effect, {
      duration: patience,
      onTimeout: () => Cause.die(new Error(`After ${Duration.format(patience)} still not: ${what}`)),
    })

/** Looks until it is so. */
export const until = <A, E, R>(
  what: string,
  look: Effect.Effect<A, E, R>,
  is: (value: A) => boolean,
): Effect.Effect<A, E, R> => look.pipe(Effect.delay("10 millis"), Effect.repeat({ until: is }), soon(what))

/** Waits until no peer is at work. */
export const untilGone = (subject: Subject): Effect.Effect<number> =>
  until("no peer is at work", subject.alive, (alive) => alive === 0)

/** A run that is being executed. */
export interface Execution {
  readonly events: ReadonlyArray<LogEvent>
  /** Waits until this is the text that has come. */
  readonly said: (text: string) => Effect.Effect<void>
  /** Takes that many events more, where only so many were to be taken. */
  readonly take: (more: number) => Effect.Effect<void>
  /** How it ended by itself. */
  readonly ended: Effect.Effect<Exit.Exit<void, ExecutorFailure>>
  /** How it ended when it was interrupted. */
  readonly interrupt: Effect.Effect<Exit.Exit<void, ExecutorFailure>>
}

/** Executes a run, and takes its events; only `takes` of them until it is asked to take more. */
export const start = (
  { execute }: Subject,
  { takes = Number.POSITIVE_INFINITY }: { readonly takes?: number } = {},
): Effect.Effect<Execution, unknown, ProjectPorts | Scope.Scope> =>
  Effect.gen(function* () {
    const events: Array<LogEvent> = []
    const gate = yield* Effect.makeLatch(true)
    let most = takes
    const worker = yield* TestRuns.register()
    yield* TestRuns.submit()
    const run = yield* TestRuns.claimOne(worker, { leaseDuration: "300 seconds" })
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(execute(run), (event) =>
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
      said: (text) => {
        const look = Effect.sync(() => EventOrder.textOf(events))
        return Effect.asVoid(until(`the text is ${JSON.stringify(text)}`, look, (now) => now === text))
      },
      take: (more) =>
        Effect.suspend(() => {
          most = events.length + more
          gate.unsafeOpen()
          return Effect.asVoid(until(`${most} events have come`, count, (now) => now >= most))
        }),
      ended: soon("the execution has ended")(Fiber.await(fiber)),
      interrupt: soon("the execution is interrupted")(Fiber.interrupt(fiber)),
    }
  })

/** That it has ended well, having said `text`. */
export const succeeded = (execution: Execution, text: string): Effect.Effect<void> =>
  Effect.map(execution.ended, (exit) => {
    deepStrictEqual(exit, Exit.void)
    deepStrictEqual(EventOrder.violations(execution.events, { ended: true }), [])
    strictEqual(EventOrder.textOf(execution.events), text)
  })

/** That it has failed as an executor does, and not as a bug does, having said `text`; gives the failure. */
export const failed = (execution: Execution, text: string): Effect.Effect<ExecutorError> =>
  Effect.map(execution.ended, (exit) => {
    const failure = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
    if (Option.isNone(failure) || !(failure.value instanceof ExecutorError)) {
      throw new Error(`This is no ExecutorError: ${String(exit)}`)
    }
    deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
    strictEqual(EventOrder.textOf(execution.events), text)
    return failure.value
  })
