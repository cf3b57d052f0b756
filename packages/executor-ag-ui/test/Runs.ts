/** Runs of an executor, each test with its own control plane. */
import { it } from "@effect/vitest"
import { type AgentEvent, Executor, type Run, type Runs } from "@runlease/core"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as MemoryControlPlane from "@runlease/store/MemoryControlPlane"
import { TestRuns } from "@runlease/testkit"
import { Cause, Chunk, Effect, type Exit, Option, Ref, type Scope, Stream } from "effect"

export const test = <A, E>(title: string, body: Effect.Effect<A, E, ProjectPorts | Scope.Scope>): void =>
  it.live(title, () => body.pipe(Effect.scoped, Effect.provide(MemoryControlPlane.layer)))

/** A run, submitted and claimed. */
export const claimed = (input: Partial<Runs.SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    yield* TestRuns.submit(input)
    return yield* TestRuns.claimOne(worker, { leaseDuration: "300 seconds" })
  })

/** The events of an execution, and its exit. */
export interface Execution {
  readonly events: ReadonlyArray<AgentEvent.LogEvent>
  readonly exit: Exit.Exit<void, Executor.ExecutorFailure>
}

export const execute = (
  executor: Executor.Executor["Type"],
  run: Run.ClaimedRun,
): Effect.Effect<Execution, never, ProjectPorts> =>
  Effect.gen(function* () {
    const events = yield* Ref.make(Chunk.empty<AgentEvent.LogEvent>())
    const exit = yield* Executor.toStream(executor.execute)(run).pipe(
      Stream.runForEach((event) => Ref.update(events, Chunk.append(event))),
      Effect.exit,
    )
    return { events: Chunk.toReadonlyArray(yield* Ref.get(events)), exit }
  })

/** The `ExecutorError` that the execution failed with. */
export const failureOf = ({ exit }: Execution) => {
  const failure = exit._tag === "Failure" ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
  if (failure?._tag !== "ExecutorError") throw new Error(`This is no ExecutorError: ${String(exit)}`)
  return failure
}

/** Repeats `look` until `is` accepts its value. */
export const until = <A, E, R>(look: Effect.Effect<A, E, R>, is: (value: A) => boolean) =>
  look.pipe(Effect.delay("5 millis"), Effect.repeat({ until: is }), Effect.timeout("4 minutes"))
