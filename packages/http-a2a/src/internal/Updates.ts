/** A task as it changes: what streams send, and what a call waits for. */
import { type Run, RunLog } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import { Context, Effect, Stream } from "effect"
import type { StreamResponse } from "./Protocol.js"
import * as Errors from "./Errors.js"
import * as TaskFold from "./TaskFold.js"
import * as Tasks from "./Tasks.js"

const isLast = (response: StreamResponse): boolean =>
  "statusUpdate" in response && TaskFold.isSettled(response.statusUpdate.status.state)

/** A task whose log so far is folded. */
const opened = Effect.fnUntraced(function* (agent: Tasks.Agent, run: Run.Run) {
  const { ports } = agent
  const place = yield* Tasks.placeOf(agent, run)
  const fold = TaskFold.make(place)
  yield* Tasks.foldLog(ports, run, fold)
  return {
    fold,
    taskOf: (now: Run.Run, shown: Tasks.Shown) => Tasks.toTask(ports, place, now, fold, shown),
    /** What comes, until the task ends or waits for an answer. */
    changes: Context.get(ports, RunLog.RunLog)
      .follow({ runId: run.runId, after: run.latestEventId })
      .pipe(
        Stream.catchTag("RunNotFound", () => Errors.taskNotFound(run.runId)),
        Stream.mapConcat(fold.next),
        Stream.takeUntil(isLast),
      ),
  }
})

/** The task as it is, then its changes, until it ends or waits for an answer. A task that waits already is followed until it waits again. */
export const stream = Effect.fnUntraced(function* (agent: Tasks.Agent, run: Run.Run) {
  const { changes, taskOf } = yield* opened(agent, run)
  const task = yield* taskOf(run, { artifacts: true })
  const first = Stream.succeed<StreamResponse>({ task })
  return TaskFold.isTerminal(task.status.state) ? first : Stream.concat(first, changes)
})

/** The task when it has ended or waits for an answer. */
export const settled = Effect.fnUntraced(function* (agent: Tasks.Agent, run: Run.Run, shown: Tasks.Shown) {
  const { fold, taskOf } = yield* opened(agent, run)
  const settledRun = yield* SettledRun.untilSettled(agent.ports, run, {
    take: (entry) => Effect.sync(() => fold.next(entry)),
  }).pipe(Effect.catchTag("RunNotFound", () => Errors.taskNotFound(run.runId)))
  return yield* taskOf(settledRun, shown)
})
