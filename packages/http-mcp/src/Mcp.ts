/**
 * Runs as tools of the Model Context Protocol: messages in, messages out, over the ports of a project.
 *
 * It serves version 2026-07-28, whose requests stand alone, and those since 2025-03-26, which begin with `initialize`. It has no sessions and
 * remembers no client, so any server of the project answers any request.
 *
 * Source: docs/decisions/0111-mcp.md
 */
import { ControlPlaneError } from "@runlease/core"
import type { Refusal } from "@runlease/http/Refusal"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import { Effect, Predicate, Queue, type Scope, Stream, Struct } from "effect"
import * as AgentTools from "./internal/AgentTools.js"
import * as Calls from "./internal/Call.js"
import * as Era from "./internal/Era.js"
import * as JsonRpc from "./internal/JsonRpc.js"
import * as RequestHeaders from "./internal/RequestHeaders.js"
import * as RunTools from "./internal/RunTools.js"
import * as RunAgent from "./internal/RunAgent.js"
import * as Subscriptions from "./internal/Subscriptions.js"
import * as Tasks from "./internal/Tasks.js"
import type { Tool } from "./internal/Tool.js"

export { idempotencyKey } from "./internal/Call.js"
export { serve as serveLines } from "./internal/Lines.js"
export { make as waits } from "./internal/Waits.js"
export type { Message } from "./internal/JsonRpc.js"
export type { RequestHeaders } from "./internal/RequestHeaders.js"

/** `agents`: each agent of a worker in contact has a separate tool. `version` is that of the program. */
export interface Options extends Calls.Project {
  readonly agents: boolean
  readonly version: string
}

/**
 * What a message comes to. `None`: it takes no answer. `Answer`: one message, with its HTTP status. `Messages`: notifications, and the answer
 * at their end; where there are none, `later` is the same for a transport that has no fiber for a message that waits.
 */
export type Reply =
  | { readonly _tag: "None" }
  | { readonly _tag: "Answer"; readonly status: number; readonly message: JsonRpc.Response }
  | { readonly _tag: "Messages"; readonly messages: Stream.Stream<JsonRpc.Message>; readonly later?: Later }

/**
 * An answer that waits. `begin` begins the wait, which ends with the Scope: it calls `notify` with what the client is sent meanwhile, and `done`
 * once `answer` may be run.
 */
export interface Later {
  readonly begin: (
    done: () => void,
    notify: (message: JsonRpc.Message) => void,
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly answer: Effect.Effect<JsonRpc.Response>
}

const instructions =
  "Runlease runs agents durably. run_agent begins a run and waits for it; a run that takes longer goes on, and get_run finds it by its run_id. " +
  "A run with status waiting asks something: show its questions to the user, and give the answers with answer_run."

/** Milliseconds for which a client may keep a list of tools. Workers with other agents come and go. */
const listTtl = 60_000

const discoverTtl = 3_600_000

const none: Reply = { _tag: "None" }

const own: ReadonlyArray<Tool> = [RunAgent.tool, ...RunTools.tools, RunTools.tool]
const ownNames: ReadonlySet<string> = new Set(own.map(({ name }) => name))

const shown: (tool: Tool) => Omit<Tool, "call"> = Struct.omit("call")

type Failure = JsonRpc.RpcFailure | Refusal

const methodNotFound = (method: string, { isModern }: Era.Era): JsonRpc.RpcFailure =>
  JsonRpc.failure("methodNotFound", `Method not found: ${method}`, { status: isModern ? 404 : 200 })

/** The answer to a request whose store does not answer, where its HTTP status is sent already. */
const ofFailure = (failure: Failure): JsonRpc.RpcFailure =>
  failure._tag === "RpcFailure" ? failure : JsonRpc.failure("internalError", failure.body.detail)

/** An answer that a failure is a part of. */
const refused = (answer: Effect.Effect<JsonRpc.Response, Failure>, id: JsonRpc.Id) =>
  Effect.catchAll(answer, (failure) => Effect.succeed(JsonRpc.refusal(id, ofFailure(failure))))

/** How many of the newest notifications a client has that takes them slowly. */
const capacity = 16

const awaited = ({ answer, begin }: Later): Stream.Stream<JsonRpc.Message> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const queue = yield* Queue.sliding<JsonRpc.Message | undefined>(capacity)
      yield* begin(
        () => queue.unsafeOffer(undefined),
        (message) => queue.unsafeOffer(message),
      )
      return Stream.fromQueue(queue).pipe(
        Stream.takeWhile(Predicate.isNotUndefined),
        Stream.concat(Stream.fromEffect(answer)),
      )
    }),
  )

const messagesOf = (
  notifications: Calls.Outcome["notifications"],
  begin: Calls.Outcome["wait"],
  answer: Effect.Effect<JsonRpc.Response>,
): Reply => {
  if (begin === undefined) {
    const last = Stream.fromEffect(answer)
    return {
      _tag: "Messages",
      messages: notifications === undefined ? last : Stream.concat(notifications, last),
    }
  }
  const later: Later = { begin, answer }
  return { _tag: "Messages", messages: awaited(later), later }
}

const toFailure = (error: Failure | ControlPlaneError.ControlPlaneError): Failure =>
  error._tag === "RpcFailure" ? error : ErrorBody.encode(error)

export interface Server {
  readonly handle: (
    message: unknown,
    headers?: RequestHeaders.RequestHeaders,
  ) => Effect.Effect<Reply, Refusal>
}

/**
 * The server of a project. `handle` reads one message; `headers` are those of its request where it came over HTTP.
 *
 * Fails: with a refusal of status 503 where the store does not answer.
 */
export const make = (options: Options): Server => {
  const serverInfo = { name: "runlease", title: "Runlease", version: options.version }

  const tools = options.agents
    ? Effect.map(
        Effect.mapError(AgentTools.list(options, ownNames), ErrorBody.encode),
        (agents): ReadonlyArray<Tool> => [...own, ...agents],
      )
    : Effect.succeed(own)

  const callTool = Effect.fnUntraced(function* (params: JsonRpc.Params, call: Calls.Call) {
    const { arguments: args = {}, name } = params
    if (!Predicate.isString(name)) return yield* JsonRpc.invalidParams("`name` must be that of a tool")
    if (!Predicate.isRecord(args)) return yield* JsonRpc.invalidParams("`arguments` must be an object")
    const found = own.find((tool) => tool.name === name) ?? (yield* tools).find((tool) => tool.name === name)
    if (found === undefined) return yield* JsonRpc.invalidParams(`Unknown tool: ${name}`)
    return yield* found.call(args, call)
  })

  /** A list or a description, which a client of 2026-07-28 may keep for a while. */
  const cacheable = (result: JsonRpc.Params, ttlMs: number, { isModern }: Era.Era): Calls.Outcome => ({
    result: Effect.succeed(isModern ? { ...result, ttlMs, cacheScope: "private" } : result),
  })

  const listTools = ({ era }: Calls.Call) =>
    Effect.map(tools, (all) => cacheable({ tools: all.map(shown) }, listTtl, era))

  const ofMethod = (
    { method, params = {} }: JsonRpc.Incoming,
    call: Calls.Call,
    id: JsonRpc.Id,
  ): Effect.Effect<Calls.Outcome<Failure>, Failure> => {
    switch (method) {
      case "tools/list":
        return listTools(call)
      case "tools/call":
        return callTool(params, call)
    }
    if (call.era.isModern) {
      switch (method) {
        case "server/discover":
          return Effect.succeed(
            cacheable(
              {
                supportedVersions: [Era.modern],
                capabilities: { tools: {}, extensions: { [Era.tasksExtension]: {} } },
                instructions,
              },
              discoverTtl,
              call.era,
            ),
          )
        case "subscriptions/listen":
          return Subscriptions.listen(params, call, id)
        case "tasks/get":
        case "tasks/update":
        case "tasks/cancel":
          return Effect.map(
            Effect.mapError(Tasks.methods[method](params, call), toFailure),
            (result): Calls.Outcome => ({ result: Effect.succeed(result) }),
          )
      }
    } else {
      switch (method) {
        case "initialize": {
          const { protocolVersion } = params
          const served = Era.legacy.find((version) => version === protocolVersion) ?? Era.legacy[0]
          return Effect.succeed({
            result: Effect.succeed({
              protocolVersion: served,
              capabilities: { tools: {} },
              serverInfo,
              instructions,
            }),
          })
        }
        case "ping":
          return Effect.succeed({ result: Effect.succeed({}) })
      }
    }
    return Effect.fail(methodNotFound(method, call.era))
  }

  /** Each result of 2026-07-28 says what it is, and which server it is from. */
  const resultOf = (result: JsonRpc.Params, { isModern }: Era.Era): JsonRpc.Params =>
    isModern
      ? {
          resultType: "complete",
          ...result,
          _meta: {
            ...(Predicate.isRecord(result["_meta"]) ? result["_meta"] : {}),
            [Era.serverInfoKey]: serverInfo,
          },
        }
      : result

  const handleRequest = Effect.fnUntraced(function* (
    incoming: JsonRpc.Incoming,
    id: JsonRpc.Id,
    header?: string,
  ) {
    const era = yield* Era.of(incoming, header)
    const { notifications, result, wait } = yield* ofMethod(incoming, Calls.make(options, era, incoming), id)
    const answer = Effect.map(result, (value) => JsonRpc.success(id, resultOf(value, era)))
    if (notifications === undefined && wait === undefined) {
      return { _tag: "Answer", status: 200, message: yield* answer } satisfies Reply
    }
    return messagesOf(notifications, wait, refused(answer, id))
  })

  const handle = (message: unknown, headers?: RequestHeaders.RequestHeaders): Effect.Effect<Reply, Refusal> =>
    Effect.gen(function* () {
      const incoming = yield* JsonRpc.read(message)
      const { id } = incoming
      if (id === undefined) return none
      if (headers !== undefined) yield* RequestHeaders.check(headers, incoming)
      return yield* handleRequest(incoming, id, headers?.version)
    }).pipe(
      Effect.catchTag("RpcFailure", (failure) =>
        Effect.succeed<Reply>({
          _tag: "Answer",
          status: failure.status,
          message: JsonRpc.refusal(JsonRpc.idOf(message), failure),
        }),
      ),
    )

  return { handle }
}
