/** The operations of A2A, by the names that JSON-RPC has for them. Both bindings send them here. */
import { type ControlPlaneError, Runs } from "@runlease/core"
import type { CurrentPrincipal } from "@runlease/http/Principal"
import type { Refusal } from "@runlease/http/Refusal"
import type { AgentForms } from "@runlease/http/face/AgentForms"
import * as Agents from "@runlease/http/face/Agents"
import type { PortError } from "@runlease/http/face/ErrorBody"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import type * as EventStream from "@runlease/http/face/EventStream"
import { type Rebuilds, Revocation, Shutdown } from "@runlease/http/face/Turns"
import { Context, Effect, Option, ParseResult, Schema, type Stream } from "effect"
import * as AgentCard from "./AgentCard.js"
import * as Errors from "./Errors.js"
import * as Protocol from "./Protocol.js"
import * as TaskFold from "./TaskFold.js"
import * as ListTasks from "./ListTasks.js"
import * as Send from "./Send.js"
import * as Tasks from "./Tasks.js"
import * as Updates from "./Updates.js"

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
      const { unlessRevoked } = yield* Revocation
      const { unless } = yield* Shutdown
      const run = yield* Send.send(agent, params)
      const shown = { artifacts: true, historyLength }
      const task = returnImmediately
        ? yield* Tasks.read(agent, run, shown)
        : yield* Effect.flatMap(
            unless(unlessRevoked(Updates.settled(agent, run, shown))),
            Option.match({ onNone: () => shuttingDown, onSome: Effect.succeed }),
          )
      return one({ task })
    }),
  ),
  SendStreamingMessage: taking(Protocol.SendMessageRequest, ({ agent }, params) =>
    Effect.gen(function* () {
      const run = yield* Send.send(agent, params)
      return { _tag: "Many", values: yield* Updates.stream(agent, run) } satisfies Answer
    }),
  ),
  GetTask: taking(Protocol.TaskRequest, ({ agent }, { historyLength, id }) =>
    Effect.gen(function* () {
      const run = yield* Tasks.find(agent, id)
      return one(yield* Tasks.read(agent, run, { artifacts: true, historyLength }))
    }),
  ),
  ListTasks: taking(Protocol.ListTasksRequest, ({ agent }, params) =>
    Effect.map(ListTasks.list(agent, params), one),
  ),
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
      return { _tag: "Many", values: yield* Updates.stream(agent, run) } satisfies Answer
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

/** An error of anything as one of A2A. */
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
