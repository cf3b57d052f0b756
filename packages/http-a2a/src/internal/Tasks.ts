/** Tasks of an agent: its runs, as A2A has them. */
import { type ControlPlaneError, Conversations, Ids, ResumeRules, Run, Runs } from "@runlease/core"
import * as ThreadName from "@runlease/core/ThreadName"
import type { Ports } from "@runlease/http/face/Caller"
import * as Log from "@runlease/http/face/Log"
import { Context, DateTime, Effect, Predicate, Schema } from "effect"
import * as Errors from "./Errors.js"
import * as Parts from "./Parts.js"
import type { Task, TaskMessage, TaskState, TaskStatus } from "./Protocol.js"
import * as TaskFold from "./TaskFold.js"

/** An agent of a project, as its clients reach it. */
export interface Agent {
  readonly ports: Ports
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
}

type Failure = Errors.A2aError | ControlPlaneError.ControlPlaneError

/** Whether metadata names the thread of a conversation: a caller writes any name, and the name of another would lead there. */
const isThread = (
  projectId: Ids.ProjectId,
  conversationId: Ids.ConversationId,
  name: unknown,
): name is string =>
  Predicate.isString(name) && ThreadName.conversationIdOf(projectId, name) === conversationId

/** The place of a run: its context is the name that its client gave the conversation, or its id. */
export const placeOf = (
  { ports, projectId }: Pick<Agent, "ports" | "projectId">,
  { conversationId, runId }: Run.Run,
) =>
  Context.get(ports, Conversations.Conversations)
    .get(conversationId)
    .pipe(
      Effect.map(({ metadata }): Parts.Place => {
        const name = Predicate.isRecord(metadata) ? metadata["threadId"] : undefined
        return {
          taskId: runId,
          contextId: isThread(projectId, conversationId, name) ? name : conversationId,
        }
      }),
      Effect.catchTag("ConversationNotFound", () =>
        Effect.succeed<Parts.Place>({ taskId: runId, contextId: conversationId }),
      ),
    )

export const find = ({ agentId, ports }: Agent, taskId: string): Effect.Effect<Run.Run, Failure> =>
  Schema.is(Ids.RunId)(taskId)
    ? Context.get(ports, Runs.Runs)
        .get(taskId)
        .pipe(
          Effect.filterOrFail(
            (run) => run.runId === taskId && run.agentId === agentId,
            () => Errors.taskNotFound(taskId),
          ),
          Effect.catchTag("RunNotFound", () => Errors.taskNotFound(taskId)),
        )
    : Errors.taskNotFound(taskId)

/** The state of a task by its run. */
export const stateOf = (run: Run.Run): TaskState => {
  switch (run.status) {
    case "pending":
      return run.startedAt === null ? "TASK_STATE_SUBMITTED" : "TASK_STATE_WORKING"
    case "running":
      return "TASK_STATE_WORKING"
    case "waiting":
      return ResumeRules.openOf(run).length > 0 ? "TASK_STATE_INPUT_REQUIRED" : "TASK_STATE_WORKING"
    case "completed":
      return "TASK_STATE_COMPLETED"
    case "failed":
      return "TASK_STATE_FAILED"
    case "cancelled":
      return "TASK_STATE_CANCELED"
  }
}

const statusOf = (run: Run.Run, fold: TaskFold.TaskFold): TaskStatus => {
  const state = stateOf(run)
  const logged = fold.status()
  // The log has the question or the error, and its time.
  return logged?.state === state ? logged : { state, timestamp: DateTime.formatIso(run.updatedAt) }
}

/** What a task shows of itself. `historyLength`: how many of the newest messages; all when absent. */
export interface Shown {
  readonly artifacts: boolean
  readonly historyLength?: number | undefined
}

/** The task that a run is, by its log so far. */
export const toTask = Effect.fnUntraced(function* (
  ports: Ports,
  place: Parts.Place,
  run: Run.Run,
  fold: TaskFold.TaskFold,
  { artifacts, historyLength = Number.POSITIVE_INFINITY }: Shown,
): Effect.fn.Return<Task, Failure> {
  const snapshot = yield* Context.get(ports, Runs.Runs)
    .snapshot(run.runId, { own: true })
    .pipe(Effect.catchTag("RunNotFound", () => Errors.taskNotFound(run.runId)))
  const all = [...Parts.historyOf(place, snapshot), ...fold.received()]
  const history = Log.newest<TaskMessage>(TaskFold.maxBytes)
  for (const message of historyLength === 0 ? [] : all.slice(-historyLength)) {
    history.add(message, Log.sizeOf(message))
  }
  const omittedBytes = history.omitted() + (artifacts ? fold.omitted() : 0)
  return {
    id: place.taskId,
    contextId: place.contextId,
    status: statusOf(run, fold),
    ...(artifacts ? { artifacts: fold.artifacts() } : {}),
    ...(historyLength === 0 ? {} : { history: history.keys() }),
    ...(omittedBytes === 0 ? {} : { metadata: { "runlease.omittedBytes": omittedBytes } }),
  }
})

/** What a task without artifacts is made of. */
const withoutArtifacts = ["RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "CUSTOM"]

/** Folds the log of a run as far as the run has it. */
export const foldLog = (ports: Ports, run: Run.Run, fold: TaskFold.TaskFold, artifacts = true) =>
  Log.fold(
    ports,
    {
      runId: run.runId,
      upTo: run.latestEventId,
      ...(artifacts ? {} : { types: withoutArtifacts }),
    },
    fold.next,
  ).pipe(Effect.catchTag("RunNotFound", () => Errors.taskNotFound(run.runId)))

/** The task as it is now. */
export const read = Effect.fnUntraced(function* (agent: Agent, run: Run.Run, shown: Shown) {
  const { ports } = agent
  const place = yield* placeOf(agent, run)
  const fold = TaskFold.make(place)
  yield* foldLog(ports, run, fold, shown.artifacts)
  return yield* toTask(ports, place, run, fold, shown)
})
