/** The execution of a workflow by a worker: one attempt, from the request of its run to the event that ends it. */
import { type Activity, Workflow, WorkflowEngine } from "@effect/workflow"
import { type AgentEvent, Executor, type Interrupt, type Run, Step } from "@runlease/core"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import {
  Cause,
  Context,
  Data,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Option,
  type ParseResult,
  Schema,
  Scope,
} from "effect"
import * as Attempt from "./Attempt.js"
import * as Children from "./Children.js"
import * as Deferreds from "./Deferreds.js"
import * as Exits from "./Exits.js"
import { resumePrefix } from "./Names.js"
import * as Outcomes from "./Outcomes.js"
import * as Requests from "./Requests.js"
import * as Waits from "./Waits.js"

// An activity is a step: its exit is recorded, and a later attempt gets it from the log.

type Result = Workflow.Result<unknown, unknown>

const { WorkflowInstance } = WorkflowEngine

/** The exit of an activity that has failed, which is recorded as the failure of its step: a retry of the run does it again. */
const ActivityFailed = Schema.TaggedStruct("ActivityFailed", { exit: Schema.Unknown })

/** The activity is suspended, so the step leaves no record. */
class ActivitySuspended extends Data.TaggedError("ActivitySuspended")<{
  readonly result: Workflow.Suspended
}> {}

/** A failure that is recorded. That an activity is suspended is none. */
const failure = Schema.Union(
  ActivityFailed,
  Schema.instanceOf(ActivitySuspended).pipe(Schema.filter(() => false)),
)

interface Activities {
  /** Runs an activity, unless its exit is recorded or it runs already: then returns that. */
  readonly execute: (activity: Activity.Any, attempt: number) => Effect.Effect<Result>
}

export const activities = (attempt: Attempt.Attempt): Activities => {
  const results = new Map<string, Deferred.Deferred<Option.Option<Result>>>()

  const run = (activity: Activity.Any, number: number): Effect.Effect<Result> =>
    Effect.suspend(() => {
      const instance = WorkflowInstance.initial(attempt.workflow, attempt.executionId)
      instance.interrupted = attempt.instance.interrupted
      attempt.instances.add(instance)
      const exit = (activity.executeEncoded as Effect.Effect<unknown, unknown>).pipe(
        Workflow.intoResult,
        Effect.provideService(WorkflowInstance, instance),
        Effect.flatMap((result): Effect.Effect<unknown, typeof failure.Type> =>
          result._tag === "Suspended"
            ? new ActivitySuspended({ result })
            : Effect.flatMap(Effect.orDie(Exits.toJson(result.exit)), (json) =>
                Exit.isSuccess(result.exit)
                  ? Effect.succeed(json)
                  : Effect.fail(ActivityFailed.make({ exit: json })),
              ),
        ),
        Effect.ensuring(Effect.sync(() => attempt.instances.delete(instance))),
      )
      return attempt.operation(
        Step.run(activity.name, exit, {
          failure,
          ...(number === 1 ? {} : { key: number }),
        }).pipe(
          Effect.catchTag("ActivityFailed", (failed) => Effect.succeed(failed.exit)),
          Effect.flatMap((json) => Effect.orDie(Exits.fromJson(json))),
          Effect.map((decoded): Result => new Workflow.Complete({ exit: decoded })),
          Effect.catchTag("ActivitySuspended", ({ result }) => Effect.succeed<Result>(result)),
        ),
      )
    })

  // The step around it is part of the identity of a step, and of an activity.
  const execute: Activities["execute"] = (activity, number) =>
    Effect.flatMap(Effect.serviceOption(Step.CurrentStep), (enclosing) => {
      const key = JSON.stringify([Option.getOrUndefined(enclosing)?.id, activity.name, number])
      const earlier = results.get(key)
      if (earlier !== undefined) {
        return Effect.flatMap(
          Deferred.await(earlier),
          Option.match({ onNone: () => execute(activity, number), onSome: Effect.succeed }),
        )
      }
      const made = Deferred.unsafeMake<Option.Option<Result>>(FiberId.none)
      results.set(key, made)
      return Effect.onExit(run(activity, number), (exit) => {
        const isDone = exit._tag === "Success" && exit.value._tag === "Complete"
        if (!isDone) results.delete(key)
        return Deferred.succeed(made, isDone ? Option.some(exit.value) : Option.none())
      })
    })

  return { execute }
}

/** A workflow with its code. */
export interface Registered {
  readonly workflow: Workflow.Any
  readonly execute: (
    payload: object,
    executionId: string,
  ) => Effect.Effect<unknown, unknown, WorkflowEngine.WorkflowInstance | WorkflowEngine.WorkflowEngine>
}

/** What the operations of the engine do in a workflow. */
export interface Operations {
  readonly attempt: Attempt.Attempt
  readonly activities: Activities
  readonly children: Children.Children
  readonly deferreds: Deferreds.Deferreds
}

/** The operations of the workflow that the code is part of. */
export class CurrentOperations extends Context.Tag("@runlease/workflow/CurrentOperations")<
  CurrentOperations,
  Operations
>() {}

const badRequest = (error: ParseResult.ParseError): Executor.ExecutorError =>
  new Executor.ExecutorError({ code: "workflow_payload", message: SchemaProblem.describe(error) })

const badExit = (error: ParseResult.ParseError): Executor.ExecutorError =>
  new Executor.ExecutorError({ code: "workflow_exit", message: SchemaProblem.describe(error) })

/** The answers of those who have resumed the execution by hand. */
const resumed = ({ snapshot }: Run.ClaimedRun): ReadonlyArray<Interrupt.Answer> =>
  (snapshot.resume ?? []).filter(({ interruptId }) => interruptId.startsWith(resumePrefix))

/** Waits until the execution is resumed by hand. */
const suspend = (
  run: Run.ClaimedRun,
  { cause }: Workflow.Suspended,
): Effect.Effect<never, Executor.ExecutorFailure> =>
  Executor.awaitAnswers([
    {
      id: `${resumePrefix}${resumed(run).length + 1}`,
      reason: "workflow_suspended",
      message:
        cause === undefined
          ? "The workflow is suspended"
          : Cause.pretty(SchemaProblem.causeWithoutValues(cause)),
    },
  ])

/** Whether the execution was interrupted while it was suspended. */
const wasInterrupted = (run: Run.ClaimedRun): boolean => resumed(run).at(-1)?.status === "cancelled"

/**
 * Executes the workflow of a claimed run.
 *
 * Where the worker ends the attempt, the workflow is suspended: finalizers of its effects run, and those of its scope do not.
 */
export const execute = (
  engine: WorkflowEngine.WorkflowEngine["Type"],
  { execute: body, workflow }: Registered,
  run: Run.ClaimedRun,
): Effect.Effect<AgentEvent.AgentEvent, Executor.ExecutorFailure, Executor.RunContext> =>
  Effect.gen(function* () {
    const { executionId, payload } = yield* Effect.mapError(Requests.read(workflow, run), badRequest)
    const instance = WorkflowInstance.initial(workflow, executionId)
    const attempt = yield* Attempt.make({ run, executionId, workflow, instance })
    const waits = Waits.make(attempt)
    const operations: Operations = {
      attempt,
      activities: activities(attempt),
      children: Children.make(attempt, waits),
      deferreds: Deferreds.make(attempt, waits),
    }
    const executed = Effect.withFiberRuntime<
      unknown,
      unknown,
      WorkflowEngine.WorkflowInstance | WorkflowEngine.WorkflowEngine
    >((fiber) =>
      Effect.zipRight(
        Deferred.succeed(attempt.body, fiber as Fiber.RuntimeFiber<unknown, unknown>),
        body(payload, executionId),
      ),
    ).pipe(
      Workflow.intoResult,
      Effect.provideService(CurrentOperations, operations),
      Effect.provideService(WorkflowInstance, instance),
      Effect.provideService(WorkflowEngine.WorkflowEngine, engine),
      Effect.provide(attempt.context),
    )
    const exit = yield* Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.fork(restore(executed)), (fiber) =>
        Effect.ensuring(restore(Effect.raceFirst(Fiber.await(fiber), attempt.failed)), attempt.stop(fiber)),
      ),
    )
    const end = (ended: Exit.Exit<unknown, unknown>) =>
      Effect.mapError(
        Outcomes.toEvent(workflow, run, Exit.mapErrorCause(ended, SchemaProblem.causeWithoutValues)),
        badExit,
      )
    if (Exit.isFailure(exit)) {
      return yield* Cause.isInterruptedOnly(exit.cause) ? end(exit) : Effect.failCause(exit.cause)
    }
    if (exit.value._tag === "Complete") return yield* end(exit.value.exit)
    if (!wasInterrupted(run)) return yield* suspend(run, exit.value)
    yield* Scope.close(instance.scope, Exits.interrupted)
    return yield* end(Exits.interrupted)
  })

/** The operations of the workflow that the code is part of, if it is part of one. */
export const current: Effect.Effect<Option.Option<Operations>> = Effect.serviceOption(CurrentOperations)

/** The operations of the workflow that the code is part of. */
export const required: Effect.Effect<Operations> = Effect.flatMap(
  current,
  Option.match({
    onNone: () => Effect.dieMessage("This is no code of a workflow that a worker of Runlease executes"),
    onSome: Effect.succeed,
  }),
)
