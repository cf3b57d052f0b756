/** An activity is a step: its exit is recorded, and a later attempt gets it from the log. */
import { type Activity, Workflow, WorkflowEngine } from "@effect/workflow"
import { Step } from "@runlease/core"
import { Data, Deferred, Effect, Exit, FiberId, Option, Schema } from "effect"
import type { Attempt } from "./Attempt.js"
import * as Exits from "./Exits.js"

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

export interface Activities {
  /** Runs an activity, unless its exit is recorded or it runs already: then returns that. */
  readonly execute: (activity: Activity.Any, attempt: number) => Effect.Effect<Result>
}

export const make = (attempt: Attempt): Activities => {
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
