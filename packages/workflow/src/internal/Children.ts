/** Workflows that a workflow executes. */
import { Workflow } from "@effect/workflow"
import { ControlPlaneUnavailable, Run, Runs } from "@runlease/core"
import { ChildRuns, StepLog } from "@runlease/core/executor"
import { Duration, Effect, Option } from "effect"
import type { Attempt } from "./Attempt.js"
import * as Outcomes from "./Outcomes.js"
import * as Requests from "./Requests.js"
import { pause, type Waits } from "./Waits.js"

type Result = Workflow.Result<unknown, unknown>

/** A run that the workflow waits for. `index` is absent where it is no child of the workflow's run. */
interface AwaitedRun {
  readonly runId: Run.Run["runId"]
  readonly index: number | undefined
}

/** How long the run sleeps between two looks at a run that is no child of it. */
const betweenLooks = Duration.minutes(1)

/** Spawns a child unless another run has its id. */
const spawnOrFind = (
  name: string,
  request: ChildRuns.Submission & { readonly publicId: string },
  key: string,
) =>
  Effect.catchTag(ChildRuns.spawn(name, request, { key }), "InvalidSubmission", (error) =>
    error.field === "publicId"
      ? Effect.succeed<AwaitedRun>({ runId: request.publicId as Run.Run["runId"], index: undefined })
      : Effect.fail(error),
  )

export interface Children {
  /** Executes a workflow as a child of the run, and waits for its end without a worker. */
  readonly execute: (workflow: Workflow.Any, executionId: string, payload: object) => Effect.Effect<Result>

  /** Waits for the end of a workflow that this one executes. Does nothing for any other. */
  readonly join: (workflow: Workflow.Any, executionId: string) => Effect.Effect<void>

  /** Submits a workflow that continues without this one. */
  readonly submit: (workflow: Workflow.Any, executionId: string, payload: object) => Effect.Effect<void>
}

export const make = (attempt: Attempt, waits: Waits): Children => {
  const spawned = new Map<string, Effect.Effect<AwaitedRun>>()

  /** Waits for the end of a run. */
  const untilEnded = (workflow: Workflow.Any, { index, runId }: AwaitedRun) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { park } = (yield* StepLog.StepLog).steps()
      const look = ControlPlaneUnavailable.retryUnavailable(runs.get(runId))
      let run = yield* look
      while (!Run.isTerminal(run.status)) {
        yield* park(
          undefined,
          index === undefined ? { duration: betweenLooks } : { children: [index] },
          Effect.repeat(look, { schedule: pause, until: ({ status }) => Run.isTerminal(status) }),
        )
        run = yield* look
      }
      return Option.getOrThrow(yield* Outcomes.fromRun(workflow, run))
    })

  // The spawn is no part of the wait: it may itself wait, for the budget of the tree.
  const wait = (workflow: Workflow.Any, executionId: string, child: Effect.Effect<AwaitedRun>) =>
    Effect.flatMap(child, (run) => waits.wait(`workflow ${executionId}`, untilEnded(workflow, run)))

  return {
    execute: (workflow, executionId, payload) =>
      Effect.suspend(() => {
        const child = attempt.once(
          `child ${executionId}`,
          Effect.flatMap(Requests.submission(workflow, executionId, payload), (submission) =>
            spawnOrFind(workflow.name, submission, executionId),
          ),
        )
        spawned.set(executionId, child)
        return Effect.map(
          wait(workflow, executionId, child),
          (exit): Result => new Workflow.Complete({ exit }),
        )
      }),
    join: (workflow, executionId) =>
      Effect.suspend(() => {
        const child = spawned.get(executionId)
        return child === undefined ? Effect.void : Effect.asVoid(wait(workflow, executionId, child))
      }),
    submit: (workflow, executionId, payload) =>
      attempt.operation(
        Effect.gen(function* () {
          const runs = yield* Runs.Runs
          const submission = yield* Requests.submission(workflow, executionId, payload)
          yield* Effect.catchTag(
            ControlPlaneUnavailable.retryUnavailable(
              runs.submit({ ...submission, parentRunId: attempt.run.runId }),
            ),
            "SubmissionConflict",
            () => Effect.void,
          )
        }),
      ),
  }
}
