/** Executions as their callers see them, from any process. */
import { Workflow } from "@effect/workflow"
import { ControlPlaneUnavailable, type Interrupt, Run, RunLog, Runs } from "@runlease/core"
import { Effect, type Exit, Option, Stream } from "effect"
import * as Exits from "./Exits.js"
import { completion, interruption } from "./Messages.js"
import { agentIdOf, resumePrefix, runIdOf } from "./Names.js"
import * as Outcomes from "./Outcomes.js"
import * as Requests from "./Requests.js"

type Result = Workflow.Result<unknown, unknown>

const { retryUnavailable } = ControlPlaneUnavailable

/** The run of an execution. Undefined where there is none. */
const find = (workflow: Workflow.Any, executionId: string) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const run = yield* Effect.catchTag(retryUnavailable(runs.get(runIdOf(executionId))), "RunNotFound", () =>
      Effect.succeed(undefined),
    )
    if (run !== undefined && run.agentId !== agentIdOf(workflow.name)) {
      return yield* Effect.dieMessage(
        `Run ${run.runId} is no execution of ${workflow.name}: it is of ${run.agentId}`,
      )
    }
    return run
  })

/** Submits an execution, unless it exists. An execution is its id, whatever payload it is called with again. */
export const submit = (
  workflow: Workflow.Any,
  executionId: string,
  payload: object,
): Effect.Effect<Run.Run["runId"], unknown, Runs.Runs> =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const submission = yield* Requests.submission(workflow, executionId, payload)
    return yield* Effect.matchEffect(retryUnavailable(runs.submit(submission)), {
      onSuccess: ({ run }) => Effect.succeed(run.runId),
      onFailure: (error) =>
        error._tag === "SubmissionConflict"
          ? Effect.as(find(workflow, executionId), runIdOf(executionId))
          : Effect.fail(error),
    })
  })

/** Submits an execution, unless it exists, and waits for its end. */
export const execute = (
  workflow: Workflow.Any,
  executionId: string,
  payload: object,
): Effect.Effect<Result, unknown, Runs.Runs | RunLog.RunLog> =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const runId = yield* submit(workflow, executionId, payload)
    const ended = Effect.gen(function* () {
      const { latestEventId, status } = yield* runs.get(runId)
      if (!Run.isTerminal(status)) yield* Stream.runDrain(log.follow({ runId, after: latestEventId }))
      return yield* runs.get(runId)
    })
    const run = yield* retryUnavailable(ended)
    const exit = yield* Outcomes.fromRun(workflow, run)
    return new Workflow.Complete({ exit: Option.getOrThrow(exit) })
  })

/** What has become of an execution: its exit, or that it is suspended. Undefined while it runs, and where there is none. */
export const poll = (
  workflow: Workflow.Any,
  executionId: string,
): Effect.Effect<Result | undefined, unknown, Runs.Runs> =>
  Effect.gen(function* () {
    const run = yield* find(workflow, executionId)
    if (run === undefined) return undefined
    const exit = yield* Outcomes.fromRun(workflow, run)
    if (Option.isSome(exit)) return new Workflow.Complete({ exit: exit.value })
    return run.status === "waiting" ? new Workflow.Suspended({}) : undefined
  })

/** Answers what an execution waits for that is to be resumed by hand. */
const answer = ({ runId, waiting }: Run.Run, status: Interrupt.Answer["status"]) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const open = waiting?.interrupts.find(({ id }) => id.startsWith(resumePrefix))
    if (open === undefined) return
    // Somebody else may have answered since.
    yield* Effect.catchTag(
      retryUnavailable(runs.resume(runId, [{ interruptId: open.id, status }])),
      "NotWaiting",
      () => Effect.void,
    )
  })

/** Resumes an execution that is suspended until it is resumed by hand. */
export const resume = (
  workflow: Workflow.Any,
  executionId: string,
): Effect.Effect<void, unknown, Runs.Runs> =>
  Effect.flatMap(find(workflow, executionId), (run) =>
    run === undefined ? Effect.void : answer(run, "resolved"),
  )

/** Sends a message to the run of an execution, which a run that has ended does not need. */
const send = (executionId: string, message: typeof interruption | ReturnType<typeof completion>) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.catchTag(
      retryUnavailable(runs.tell(runIdOf(executionId), message)),
      "RunEnded",
      () => Effect.void,
    ),
  )

/** Interrupts an execution where it waits, or where it waits next. */
export const interrupt = (
  workflow: Workflow.Any,
  executionId: string,
): Effect.Effect<void, unknown, Runs.Runs> =>
  Effect.gen(function* () {
    const run = yield* find(workflow, executionId)
    if (run === undefined) return
    yield* send(executionId, interruption)
    yield* answer(run, "cancelled")
  })

/** Completes a deferred of an execution. Does nothing where the execution has ended. Fails where there is none. */
export const complete = (
  executionId: string,
  deferredName: string,
  exit: Exit.Exit<unknown, unknown>,
): Effect.Effect<void, unknown, Runs.Runs> =>
  Effect.flatMap(Exits.toJson(exit), (json) => send(executionId, completion(deferredName, json)))
