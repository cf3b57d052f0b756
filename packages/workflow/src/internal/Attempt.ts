/** One attempt at an execution: what the operations of the engine share while a worker holds the run. */
import type { Workflow, WorkflowEngine } from "@effect/workflow"
import { ControlPlaneError, Executor, type Run, Step } from "@runlease/core"
import { StepLog } from "@runlease/core/executor"
import { Context, Deferred, Effect, Exit, Fiber, FiberId, Scope } from "effect"

/** How long nothing may be in flight before the execution is at rest: two steps in a row have a moment between them. */
const quiet = "50 millis"

interface Flight {
  /** The same steps, counted. */
  readonly count: (steps: StepLog.AttemptSteps) => StepLog.AttemptSteps

  /** Waits in the step `within`, which is not in flight meanwhile. The run is not suspended for it. */
  readonly parked: <A, E, R>(
    within: string | undefined,
    effect: Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>

  /** Waits until nothing is in flight. */
  readonly atRest: Effect.Effect<void>
}

const makeFlight = (): Flight => {
  /** The steps in flight, each with the number of waits that are parked in it. */
  const steps = new Map<string, { readonly within: string | undefined; parked: number }>()
  let changes = 0

  const park = (within: string | undefined, change: 1 | -1): void => {
    changes += 1
    for (let place = steps.get(within ?? ""); place !== undefined; place = steps.get(place.within ?? "")) {
      place.parked += change
    }
  }

  const isBusy = (): boolean => {
    for (const { parked } of steps.values()) if (parked === 0) return true
    return false
  }

  const parked: Flight["parked"] = (within, effect) =>
    Effect.suspend(() => {
      park(within, 1)
      return Effect.ensuring(
        effect,
        Effect.sync(() => park(within, -1)),
      )
    })

  const atRest: Effect.Effect<void> = Effect.suspend(() => {
    const before = changes
    return Effect.zipRight(
      Effect.sleep(quiet),
      Effect.suspend(() => (changes === before && !isBusy() ? Effect.void : atRest)),
    )
  })

  return {
    parked,
    atRest,
    count: (inner) => ({
      ...inner,
      inFlight: (place, effect) =>
        Effect.suspend(() => {
          changes += 1
          steps.set(place.id, { within: place.within, parked: 0 })
          return Effect.ensuring(
            inner.inFlight(place, effect),
            Effect.sync(() => {
              changes += 1
              steps.delete(place.id)
            }),
          )
        }),
      park: (within, wait, effect) => parked(within, inner.park(within, wait, effect)),
    }),
  }
}

type Instance = WorkflowEngine.WorkflowInstance["Type"]

type RunContext = Executor.RunContext

export interface Attempt {
  readonly run: Run.ClaimedRun
  readonly executionId: string
  readonly workflow: Workflow.Any
  readonly instance: Instance
  readonly flight: Flight
  readonly steps: StepLog.AttemptSteps

  /** The services of the run, for the code of the workflow. */
  readonly context: Context.Context<RunContext>

  /** The fiber of the workflow's own code, without its finalizers. */
  readonly body: Deferred.Deferred<Fiber.RuntimeFiber<unknown, unknown>>

  /** The instances of activities that run. A suspension is no failure of theirs. */
  readonly instances: Set<Instance>

  /**
   * Runs an operation of the engine in a fiber that ends with the attempt, also where the workflow cannot be interrupted, as in
   * its compensation. A failure is none of the workflow: it ends the attempt.
   */
  readonly operation: <A, R>(
    effect: Effect.Effect<A, unknown, R>,
  ) => Effect.Effect<A, never, Exclude<R, RunContext>>

  /** Runs an effect once in the attempt, outside of any step. */
  readonly once: <A>(key: string, effect: Effect.Effect<A, unknown, RunContext>) => Effect.Effect<A>

  /** Starts a fiber that ends with the attempt. */
  readonly fork: (effect: Effect.Effect<void, unknown, RunContext>) => Effect.Effect<void>

  /** What has gone wrong in an operation. */
  readonly failed: Effect.Effect<never, Executor.ExecutorFailure>

  /** Ends the attempt: its operations, and the workflow, which takes it for a suspension. */
  readonly stop: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.Effect<void>
}

const toFailure = (error: unknown): Executor.ExecutorFailure =>
  ControlPlaneError.isControlPlaneError(error) && error.retryable
    ? Executor.retryableError("control_plane_unavailable", error.message)
    : Executor.toFailure(error)

/** Runs an effect outside of the step that its caller is in. */
export const outsideSteps = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(
    effect,
    (context: Context.Context<R>) =>
      Context.omit(Step.CurrentStep)(context as Context.Context<R | Step.CurrentStep>) as Context.Context<R>,
  )

export const make = (options: {
  readonly run: Run.ClaimedRun
  readonly executionId: string
  readonly workflow: Workflow.Any
  readonly instance: Instance
}): Effect.Effect<Attempt, never, RunContext> =>
  Effect.gen(function* () {
    const flight = makeFlight()
    const ofRun = yield* Effect.context<RunContext>()
    const counted = flight.count(Context.get(ofRun, StepLog.StepLog).steps())
    const context = Context.add(ofRun, StepLog.StepLog, { steps: () => counted })
    const scope = yield* Scope.make()
    const failure = yield* Deferred.make<never, Executor.ExecutorFailure>()
    const instances = new Set([options.instance])
    const memo = new Map<string, Deferred.Deferred<unknown>>()
    let stopped = false

    const orAbort = <A, R>(effect: Effect.Effect<A, unknown, R>) =>
      effect.pipe(
        Effect.provide(context),
        Effect.catchAll((error) => Effect.zipRight(Deferred.fail(failure, toFailure(error)), Effect.never)),
      )

    const fork = <A, R>(effect: Effect.Effect<A, unknown, R>) =>
      Effect.forkIn(Effect.interruptible(orAbort(effect)), scope)

    const operation: Attempt["operation"] = (effect) =>
      Effect.uninterruptibleMask((restore) =>
        stopped
          ? Effect.interrupt
          : Effect.flatMap(fork(effect), (fiber) =>
              Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber)),
            ),
      )

    return {
      ...options,
      flight,
      steps: counted,
      context,
      instances,
      body: yield* Deferred.make<Fiber.RuntimeFiber<unknown, unknown>>(),
      operation,
      once: <A>(key: string, effect: Effect.Effect<A, unknown, RunContext>) =>
        operation(
          Effect.suspend(() => {
            const earlier = memo.get(key) as Deferred.Deferred<A> | undefined
            if (earlier !== undefined) return Deferred.await(earlier)
            const made = Deferred.unsafeMake<A>(FiberId.none)
            memo.set(key, made as Deferred.Deferred<unknown>)
            return Effect.zipRight(
              fork(Effect.flatMap(outsideSteps(effect), (value) => Deferred.succeed(made, value))),
              Deferred.await(made),
            )
          }),
        ),
      fork: (effect) => Effect.asVoid(fork(outsideSteps(effect))),
      failed: Deferred.await(failure),
      stop: (fiber) =>
        Effect.suspend(() => {
          stopped = true
          for (const instance of instances) instance.suspended = true
          return Effect.all([Scope.close(scope, Exit.void), Fiber.interrupt(fiber)], {
            concurrency: "unbounded",
            discard: true,
          })
        }),
    }
  })
