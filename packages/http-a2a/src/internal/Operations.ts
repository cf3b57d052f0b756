/** The operations of A2A, by the names that JSON-RPC has for them. Both bindings send them here. */
import { type ControlPlaneError, Page, type Run, RunLog, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import type { CurrentPrincipal } from "@runlease/http/Principal"
import type { Refusal } from "@runlease/http/Refusal"
import type { AgentForms } from "@runlease/http/face/AgentForms"
import * as Agents from "@runlease/http/face/Agents"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import type { PortError } from "@runlease/http/face/ErrorBody"
import type * as EventStream from "@runlease/http/face/EventStream"
import * as Log from "@runlease/http/face/Log"
import * as Thread from "@runlease/http/face/Thread"
import { type Rebuilds, wait } from "@runlease/http/face/Turns"
import {
  Chunk,
  Context,
  DateTime,
  Effect,
  Either,
  Encoding,
  Option,
  Order,
  ParseResult,
  Schema,
  Stream,
} from "effect"
import * as AgentCard from "./AgentCard.js"
import * as Errors from "./Errors.js"
import * as Protocol from "./Protocol.js"
import type { StreamResponse } from "./Protocol.js"
import * as Send from "./Send.js"
import * as TaskFold from "./TaskFold.js"
import * as Tasks from "./Tasks.js"

// The list of an agent's tasks: those of its newest runs, the one that changed last first.

/** The most runs that a list looks at, the newest by their submission. */
const maxRuns = 1000

const statuses: Readonly<Record<Protocol.TaskState, ReadonlyArray<Run.RunStatus>>> = {
  TASK_STATE_SUBMITTED: ["pending"],
  TASK_STATE_WORKING: ["pending", "running", "waiting"],
  TASK_STATE_INPUT_REQUIRED: ["waiting"],
  TASK_STATE_COMPLETED: ["completed"],
  TASK_STATE_FAILED: ["failed"],
  TASK_STATE_CANCELED: ["cancelled"],
  TASK_STATE_REJECTED: [],
  TASK_STATE_AUTH_REQUIRED: [],
}

const millisOf = ({ updatedAt }: Run.Run): number => DateTime.toEpochMillis(updatedAt)

/** The last change first; of several in one moment the larger id. */
const lastFirst: Order.Order<Run.Run> = Order.combine(
  Order.reverse(Order.mapInput(Order.number, millisOf)),
  Order.reverse(Order.mapInput(Order.string, ({ runId }: Run.Run) => runId)),
)

/** Where a page ends, so that the next one continues behind it. */
const tokenOf = (run: Run.Run): string => Encoding.encodeBase64Url(`${millisOf(run)} ${run.runId}`)

const positionOf = (
  token: string,
): Either.Either<{ readonly at: number; readonly runId: string }, Errors.A2aError> =>
  Encoding.decodeBase64UrlString(token).pipe(
    Either.map((text) => /^(\d{1,16}) (.+)$/s.exec(text)),
    Either.filterOrLeft(
      (found): found is RegExpExecArray => found !== null,
      () => undefined,
    ),
    Either.mapBoth({
      onLeft: () => Errors.invalidParams("pageToken", "The token is none that this list has returned"),
      onRight: ([, at, runId]) => ({ at: Number(at), runId: runId! }),
    }),
  )

const isBehind =
  (position: { readonly at: number; readonly runId: string }) =>
  (run: Run.Run): boolean =>
    millisOf(run) < position.at || (millisOf(run) === position.at && run.runId < position.runId)

/** One page of the tasks. It ends where they take `Page.maxPageBytes`, and has one task at least. */
export const list = Effect.fnUntraced(function* (agent: Tasks.Agent, request: Protocol.ListTasksRequest) {
  const { contextId, includeArtifacts = false, pageSize = Protocol.defaultPageSize, pageToken } = request
  const { historyLength, statusTimestampAfter } = request
  const state = request.status === "TASK_STATE_UNSPECIFIED" ? undefined : request.status
  const position = pageToken === undefined || pageToken === "" ? undefined : yield* positionOf(pageToken)
  const wanted = state === undefined ? undefined : statuses[state]
  const runs = Context.get(agent.ports, Runs.Runs)
  const thread =
    contextId === undefined || contextId === "" ? undefined : yield* Thread.make(agent.projectId, contextId)
  const [first, ...more] = wanted ?? []
  const found =
    wanted !== undefined && first === undefined
      ? []
      : yield* Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
          Effect.map(
            runs
              .list({
                agentId: agent.agentId,
                limit: 100,
                cursor,
                ...(first === undefined ? {} : { status: [first, ...more] }),
                ...(thread === undefined ? {} : { conversationId: thread.conversationId }),
              })
              .pipe(Effect.catchTag("InvalidCursor", Effect.die)),
            ({ items, next }) => [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const,
          ),
        ).pipe(Stream.take(maxRuns), Stream.runCollect, Effect.map(Chunk.toReadonlyArray))
  const matching = found
    .filter(
      (run) =>
        (state === undefined || Tasks.stateOf(run) === state) &&
        (statusTimestampAfter === undefined ||
          DateTime.greaterThanOrEqualTo(run.updatedAt, statusTimestampAfter)),
    )
    .toSorted(lastFirst)
  const rest = position === undefined ? matching : matching.filter(isBehind(position))
  const tasks: Array<Protocol.Task> = []
  let bytes = 0
  for (const run of rest.slice(0, pageSize)) {
    const task = yield* Tasks.read(agent, run, { artifacts: includeArtifacts, historyLength })
    tasks.push(task)
    bytes += Log.sizeOf(task)
    if (bytes >= Page.maxPageBytes) break
  }
  const last = rest[tasks.length - 1]
  return {
    tasks,
    nextPageToken: last === undefined || rest.length === tasks.length ? "" : tokenOf(last),
    pageSize,
    totalSize: matching.length,
  }
})

// A task as it changes: what streams send, and what a call waits for.

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
const stream = Effect.fnUntraced(function* (agent: Tasks.Agent, run: Run.Run) {
  const { changes, taskOf } = yield* opened(agent, run)
  const task = yield* taskOf(run, { artifacts: true })
  const first = Stream.succeed<StreamResponse>({ task })
  return TaskFold.isTerminal(task.status.state) ? first : Stream.concat(first, changes)
})

/** The task when it has ended or waits for an answer. */
const settled = Effect.fnUntraced(function* (agent: Tasks.Agent, run: Run.Run, shown: Tasks.Shown) {
  const { fold, taskOf } = yield* opened(agent, run)
  const settledRun = yield* SettledRun.untilSettled(agent.ports, run, {
    take: (entry) => Effect.sync(() => fold.next(entry)),
  }).pipe(Effect.catchTag("RunNotFound", () => Errors.taskNotFound(run.runId)))
  return yield* taskOf(settledRun, shown)
})

/** What answers a request: one value, or a stream of them. */
export type Answer =
  | { readonly _tag: "One"; readonly value: unknown }
  | {
      readonly _tag: "Many"
      readonly values: Stream.Stream<
        Protocol.StreamResponse,
        Errors.A2aError | ControlPlaneError.ControlPlaneError
      >
    }

export interface Request {
  readonly agent: Tasks.Agent
  /** Where the agent is, as its client calls it. */
  readonly url: string
  readonly params: unknown
}

/** What an operation takes from the server. */
export type Services = AgentForms | CurrentPrincipal | EventStream.Services | Rebuilds

type Handler = (request: Request) => Effect.Effect<Answer, Errors.A2aError | Refusal | PortError, Services>

const one = (value: unknown): Answer => ({ _tag: "One", value })

const problemOf = (error: ParseResult.ParseError): Errors.A2aError => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const field = issue?.path.map(String).join(".") ?? ""
  return Errors.invalidParams(
    field,
    `${field === "" ? "params" : field}: ${issue?.message ?? "is malformed"}`,
  )
}

const taking =
  <A, I>(
    schema: Schema.Schema<A, I>,
    handle: (request: Request, params: A) => ReturnType<Handler>,
  ): Handler =>
  (request) =>
    Schema.decodeUnknown(schema)(request.params ?? {}).pipe(
      Effect.mapError(problemOf),
      Effect.flatMap((params) => handle(request, params)),
    )

const noPush: Handler = () =>
  Errors.make(
    "PUSH_NOTIFICATION_NOT_SUPPORTED",
    "The agent sends no push notifications; follow the task with SubscribeToTask or GetTask",
  )

const shuttingDown = Errors.make("UNAVAILABLE", "The server shuts down; send the request again")

const handlers: Readonly<Record<string, Handler>> = {
  SendMessage: taking(Protocol.SendMessageRequest, ({ agent }, params) =>
    Effect.gen(function* () {
      const { historyLength, returnImmediately = false } = params.configuration ?? {}
      const run = yield* Send.send(agent, params)
      const shown = { artifacts: true, historyLength }
      const task = returnImmediately
        ? yield* Tasks.read(agent, run, shown)
        : yield* Effect.flatMap(
            wait(settled(agent, run, shown)),
            Option.match({ onNone: () => shuttingDown, onSome: Effect.succeed }),
          )
      return one({ task })
    }),
  ),
  SendStreamingMessage: taking(Protocol.SendMessageRequest, ({ agent }, params) =>
    Effect.gen(function* () {
      const run = yield* Send.send(agent, params)
      return { _tag: "Many", values: yield* stream(agent, run) } satisfies Answer
    }),
  ),
  GetTask: taking(Protocol.TaskRequest, ({ agent }, { historyLength, id }) =>
    Effect.gen(function* () {
      const run = yield* Tasks.find(agent, id)
      return one(yield* Tasks.read(agent, run, { artifacts: true, historyLength }))
    }),
  ),
  ListTasks: taking(Protocol.ListTasksRequest, ({ agent }, params) => Effect.map(list(agent, params), one)),
  CancelTask: taking(Protocol.TaskRequest, ({ agent }, { id }) =>
    Effect.gen(function* () {
      const found = yield* Tasks.find(agent, id)
      const { cancelled, run } = yield* Context.get(agent.ports, Runs.Runs)
        .cancel(found.runId)
        .pipe(Effect.catchTag("RunNotFound", () => Errors.taskNotFound(id)))
      // Cancelled again, it is cancelled.
      if (!cancelled && run.status !== "cancelled") {
        return yield* Errors.make(
          "TASK_NOT_CANCELABLE",
          `Task ${id} has ended (${Tasks.stateOf(run)}), so it cannot be cancelled`,
          { metadata: { taskId: id } },
        )
      }
      return one(yield* Tasks.read(agent, run, { artifacts: true }))
    }),
  ),
  SubscribeToTask: taking(Protocol.TaskRequest, ({ agent }, { id }) =>
    Effect.gen(function* () {
      const run = yield* Tasks.find(agent, id)
      if (TaskFold.isTerminal(Tasks.stateOf(run))) {
        return yield* Errors.make(
          "UNSUPPORTED_OPERATION",
          `Task ${id} has ended (${Tasks.stateOf(run)}); read it with GetTask`,
          { metadata: { taskId: id } },
        )
      }
      return { _tag: "Many", values: yield* stream(agent, run) } satisfies Answer
    }),
  ),
  GetExtendedAgentCard: ({ agent, url }) =>
    Effect.map(Agents.capabilities(agent.ports, agent.agentId), ({ identity }) =>
      one(AgentCard.of(agent.agentId, url, identity)),
    ),
  CreateTaskPushNotificationConfig: noPush,
  GetTaskPushNotificationConfig: noPush,
  ListTaskPushNotificationConfigs: noPush,
  DeleteTaskPushNotificationConfig: noPush,
}

const ofRefusal = ({ body, httpStatus }: Refusal): Errors.A2aError => {
  const rest = { field: body.field, metadata: { error: body.error } }
  if (httpStatus === 429) return Errors.make("TOO_MANY", body.detail, rest)
  if (httpStatus >= 500)
    return Errors.make(httpStatus === 503 ? "UNAVAILABLE" : "INTERNAL", body.detail, rest)
  if (httpStatus === 409) return Errors.make("UNSUPPORTED_OPERATION", body.detail, rest)
  return Errors.make("INVALID_PARAMS", body.detail, rest)
}

export const toA2a = (error: Errors.A2aError | Refusal | PortError): Errors.A2aError =>
  error._tag === "A2aError" ? error : ofRefusal(ErrorBody.encode(error))

/**
 * Does an operation.
 *
 * Fails: `METHOD_NOT_FOUND` for what is no operation.
 */
export const handle = (
  method: string,
  request: Request,
): Effect.Effect<Answer, Errors.A2aError, Services> => {
  const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined
  return handler === undefined
    ? Errors.make(
        "METHOD_NOT_FOUND",
        `There is no method ${method.slice(0, 100)}; there are ${Object.keys(handlers).join(", ")}`,
      )
    : Effect.mapError(handler(request), toA2a)
}
