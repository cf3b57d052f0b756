/**
 * A task as it changes: what streams send, and what a call waits for.
 *
 * @since 0.1.0
 */
import { type Run, RunLog } from "@runlease/core"
import { Context, Effect, Stream } from "effect"
import type { StreamResponse } from "../../a2a/Protocol.js"
import * as Errors from "../../a2a/Errors.js"
import * as TaskFold from "../../a2a/TaskFold.js"
import * as Tasks from "./Tasks.js"

const isLast = (response: StreamResponse): boolean =>
  "statusUpdate" in response && TaskFold.isSettled(response.statusUpdate.status.state)

/**
 * The task as it is, then its changes, until it ends or asks for something. A task that asks already is followed until it does so again.
 *
 * @since 0.1.0
 * @category streams
 */
export const stream = (agent: Tasks.Agent, run: Run.Run) =>
  Effect.gen(function* () {
    const { ports } = agent
    const place = yield* Tasks.placeOf(ports, run)
    const fold = TaskFold.make(place)
    const after = yield* Tasks.foldUpTo(ports, run, fold)
    const task = yield* Tasks.toTask(ports, place, run, fold, { artifacts: true })
    const first = Stream.succeed<StreamResponse>({ task })
    if (TaskFold.isTerminal(task.status.state)) return first
    const changes = Context.get(ports, RunLog.RunLog)
      .follow({ runId: run.runId, after })
      .pipe(
        Stream.catchTag("RunNotFound", () => Errors.taskNotFound(run.runId)),
        Stream.mapConcat(fold.next),
        Stream.takeUntil(isLast),
      )
    return Stream.concat(first, changes)
  })

/**
 * Waits until the task has ended or asks for something.
 *
 * @since 0.1.0
 * @category waiting
 */
export const settled = (agent: Tasks.Agent, run: Run.Run) =>
  TaskFold.isSettled(Tasks.stateOf(run))
    ? Effect.succeed(run)
    : Effect.zipRight(Effect.flatMap(stream(agent, run), Stream.runDrain), Tasks.find(agent, run.runId))
