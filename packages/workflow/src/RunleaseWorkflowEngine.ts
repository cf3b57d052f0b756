/**
 * The engine of `@effect/workflow` on Runlease: an execution of a workflow is a run.
 *
 * ```ts
 * const workflows = EmailWorkflow.toLayer(sendEmail).pipe(Layer.provideMerge(RunleaseWorkflowEngine.layer))
 *
 * Worker.run({ agentIds: [RunleaseWorkflowEngine.agentIdOf(EmailWorkflow)] }).pipe(Effect.provide(workflows))
 * ```
 *
 * A program that only calls workflows takes the layer without registering any.
 *
 * Source: docs/decisions/0065-workflows-are-runs.md
 */
import { type Workflow, WorkflowEngine } from "@effect/workflow"
import { Executor, type RunLog, type Runs } from "@runlease/core"
import { Context, Effect, Layer, Option } from "effect"
import * as Client from "./internal/Client.js"
import * as Execution from "./internal/Execution.js"
import * as Names from "./internal/Names.js"

/** The agent of a workflow's runs, for the `agentIds` of a worker. */
export const agentIdOf = (workflow: Pick<Workflow.Any, "name">): string => Names.agentIdOf(workflow.name)

/** The id of an execution's run: the execution id itself where it can be the id of a run, as those of `@effect/workflow` can. */
export const runIdOf = (executionId: string): string => Names.runIdOf(executionId)

/** The engine, and the executor of the workflows that are registered with it. */
export interface Engine {
  readonly engine: WorkflowEngine.WorkflowEngine["Type"]
  readonly execute: Executor.Execute
}

/** Makes an engine. A worker hands back a run of a workflow that is not registered. */
export const make: Effect.Effect<Engine, never, Runs.Runs | RunLog.RunLog> = Effect.gen(function* () {
  const context = yield* Effect.context<Runs.Runs | RunLog.RunLog>()
  const registered = new Map<string, Execution.Registered>()

  /** The engine of `@effect/workflow` has no failures, so what the control plane refuses is a defect. */
  const asCaller = <A>(effect: Effect.Effect<A, unknown, Runs.Runs | RunLog.RunLog>): Effect.Effect<A> =>
    Effect.orDie(Effect.provide(effect, context))

  const engine = WorkflowEngine.makeUnsafe({
    register: (workflow, execute) =>
      Effect.acquireRelease(
        Effect.sync(() => registered.set(Names.agentIdOf(workflow.name), { workflow, execute })),
        () => Effect.sync(() => registered.delete(Names.agentIdOf(workflow.name))),
      ),
    execute: (workflow, { discard, executionId, payload }) =>
      Effect.flatMap(Execution.current, (operations): Effect.Effect<never> => {
        const executed = Option.match(operations, {
          onNone: () =>
            asCaller<unknown>(
              discard
                ? Client.submit(workflow, executionId, payload)
                : Client.execute(workflow, executionId, payload),
            ),
          onSome: ({ children }): Effect.Effect<unknown> =>
            discard
              ? children.submit(workflow, executionId, payload)
              : children.execute(workflow, executionId, payload),
        })
        // The type of the result depends on `discard`, which types cannot follow here.
        return executed as Effect.Effect<never>
      }),
    poll: (workflow, executionId) => asCaller(Client.poll(workflow, executionId)),
    interrupt: (workflow, executionId) =>
      Effect.zipRight(
        asCaller(Client.interrupt(workflow, executionId)),
        Effect.flatMap(
          Execution.current,
          Option.match({
            onNone: () => Effect.void,
            onSome: ({ children }) => children.join(workflow, executionId),
          }),
        ),
      ),
    resume: (workflow, executionId) => asCaller(Client.resume(workflow, executionId)),
    activityExecute: (activity, attempt) =>
      Effect.flatMap(Execution.required, ({ activities }) => activities.execute(activity, attempt)),
    deferredResult: ({ name }) =>
      Effect.flatMap(Execution.required, ({ deferreds }) => deferreds.result(name)),
    deferredDone: ({ deferredName, executionId, exit }) =>
      Effect.flatMap(Execution.current, (operations) =>
        Option.isSome(operations) && operations.value.attempt.executionId === executionId
          ? operations.value.deferreds.complete(deferredName, exit)
          : asCaller(Client.complete(executionId, deferredName, exit)),
      ),
    scheduleClock: (_workflow, { clock }) =>
      Effect.flatMap(Execution.required, ({ deferreds }) =>
        deferreds.schedule(clock.deferred.name, clock.duration),
      ),
  })

  return {
    engine,
    execute: (run) => {
      const workflow = registered.get(run.agentId)
      return workflow === undefined
        ? new Executor.ExecutorError({
            code: "unknown_workflow",
            message: `This worker has no workflow for agent ${run.agentId}; it has ${Array.from(registered.keys()).join(", ")}`,
            handBack: true,
          })
        : Effect.map(Execution.execute(engine, workflow, run), (event) => [event])
    },
  }
})

/** The engine for programs, and the executor for a worker. */
export const layer: Layer.Layer<
  WorkflowEngine.WorkflowEngine | Executor.Executor,
  never,
  Runs.Runs | RunLog.RunLog
> = Layer.effectContext(
  Effect.map(make, ({ engine, execute }) =>
    Context.make(WorkflowEngine.WorkflowEngine, engine).pipe(Context.add(Executor.Executor, { execute })),
  ),
)
