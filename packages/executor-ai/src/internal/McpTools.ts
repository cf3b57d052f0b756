/** The tools of MCP servers as handlers in addition to those of the worker. */
import { Tool } from "@effect/ai"
import { Emit, Executor, Step } from "@runlease/core"
import { SameOriginFetch, StepLog } from "@runlease/core/executor"
import { Context, Effect, Option, type Scope } from "effect"
import * as AiTool from "../AiTool.js"
import type * as McpServer from "../McpServer.js"
import type { Called, Connection, ListedTool } from "./McpConnection.js"
import * as OfferedTools from "./OfferedTools.js"
import * as RequestedCall from "./RequestedCall.js"
import type * as WorkerCalls from "./WorkerCalls.js"

/** The package that connects to servers, with its version. */
const required = "@modelcontextprotocol/client"
const versioned = `${required}@2.4`

/** Another worker may have it, so this one hands the run back. */
const missing = new Executor.ExecutorError({
  code: "mcp_package_missing",
  handBack: true,
  message: `Tools of MCP servers need a package that is not installed: npm install ${versioned}`,
})

const unavailable = ({ name }: McpServer.McpServer, error: unknown) => {
  const refused = SameOriginFetch.refusalIn(error)
  if (refused !== undefined) {
    return new Executor.ExecutorError({
      code: "other_origin",
      message: `The MCP server ${name} cannot be used: ${refused.message}`,
    })
  }
  return Executor.retryableError(
    "mcp_unavailable",
    `The MCP server ${name} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
  )
}

const load: Effect.Effect<typeof import("./McpClient.js"), Executor.ExecutorError> = Effect.tryPromise({
  try: () => import("./McpClient.js"),
  catch: (error) => error,
}).pipe(
  Effect.catchAll((error) =>
    error instanceof Error && error.message.includes(required) ? missing : Effect.die(error),
  ),
)

const connect = (server: McpServer.McpServer) =>
  Effect.flatMap(load, (client) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: () => client.connect(server), catch: (error) => unavailable(server, error) }),
      ({ close }) => Effect.ignore(Effect.tryPromise(close)),
    ),
  )

/** A tool of a server, by the name that the model has for it. */
interface Offered {
  readonly tool: Tool.Any
  readonly listed: ListedTool
  readonly server: McpServer.McpServer
  readonly connection: Connection
}

/** Providers take names of 64 letters, digits, `_` and `-`. */
const nameOf = (server: McpServer.McpServer, { name }: ListedTool): string =>
  `${server.name}__${name}`.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)

const sideEffectOf = ({ annotations }: ListedTool) =>
  annotations?.readOnlyHint === true
    ? "pure"
    : annotations?.idempotentHint === true
      ? "idempotent"
      : "atMostOnce"

/** A call that may become a task is recorded by itself, so the executor may begin it again. */
const toolOf = (name: string, listed: ListedTool, { hasTasks }: Connection): Tool.Any => {
  const sideEffect = sideEffectOf(listed)
  return OfferedTools.openTool(name, listed.description, listed.inputSchema).annotate(
    AiTool.SideEffect,
    hasTasks && sideEffect === "atMostOnce" ? "idempotent" : sideEffect,
  )
}

interface Outcome {
  readonly text: string
  readonly isError: boolean
}

const problem = (text: string): Outcome => ({ text, isError: true })

const unanswered = ({ server }: Offered, error: unknown): Outcome =>
  problem(
    `The MCP server ${server.name} gave no result: ${error instanceof Error ? error.message : String(error)}`,
  )

/** Makes the call. An error of the server is its result. */
const callOnce = (offered: Offered, params: unknown): Effect.Effect<Called> =>
  Effect.tryPromise({
    try: (signal) => offered.connection.call(offered.listed.name, RequestedCall.paramsOf(params), signal),
    catch: (error) => unanswered(offered, error),
  }).pipe(Effect.merge)

/** Polls a task until it has ended. A poll that fails says nothing of the task, so it is tried again, a few times. */
const join = (offered: Offered, task: string, pollMillis: number, failures = 0): Effect.Effect<Outcome> =>
  Effect.sleep(pollMillis).pipe(
    Effect.zipRight(
      Effect.tryPromise({
        try: (signal) => offered.connection.poll(task, signal),
        catch: (error) => unanswered(offered, error),
      }),
    ),
    Effect.matchEffect({
      onFailure: (outcome) =>
        failures >= maxFailures
          ? Effect.succeed(outcome)
          : join(offered, task, pollMillis * 2 ** failures, failures + 1),
      onSuccess: (polled) =>
        "text" in polled ? Effect.succeed(polled) : join(offered, task, polled.pollMillis),
    }),
  )

const maxFailures = 5

const uncertain = ({ tool }: Offered): Outcome =>
  problem(
    `It is uncertain whether this call of ${tool.name} was made: an earlier attempt had begun it, and its result was not recorded. ` +
      "It was not made again. Do not repeat it; find out, or ask, what became of it.",
  )

/** Records what becomes of a call, so that another attempt continues with its task. */
const recorded = (offered: Offered, key: string, call: Effect.Effect<Called>): Effect.Effect<Called> =>
  Effect.gen(function* () {
    const log = yield* Effect.serviceOption(StepLog.StepLog)
    const emit = yield* Effect.serviceOption(Emit.Emit)
    if (!offered.connection.hasTasks || Option.isNone(log) || Option.isNone(emit)) return yield* call
    const step =
      sideEffectOf(offered.listed) === "atMostOnce"
        ? Step.atMostOnce("mcp", call, { key, onUncertain: Effect.succeed<Called>(uncertain(offered)) })
        : Step.run("mcp", call, { key })
    const context = Context.make(StepLog.StepLog, log.value).pipe(Context.add(Emit.Emit, emit.value))
    return yield* Effect.catchAll(Effect.provide(step, context), (error) =>
      Effect.succeed<Called>(problem(error.message)),
    )
  })

const handle = (offered: Offered, params: unknown) =>
  Effect.gen(function* () {
    const { key } = yield* AiTool.CurrentCall
    const called = yield* recorded(offered, key, callOnce(offered, params))
    const { isError, text } = "task" in called ? yield* join(offered, called.task, called.pollMillis) : called
    return { isFailure: isError, encodedResult: text }
  })

const twice = (name: string) =>
  new Executor.ExecutorError({
    code: "bad_tools",
    message: `Two tools have the name ${name} for the model; give the MCP servers other names, or leave one out with \`allow\``,
  })

const isAllowed = ({ allow }: McpServer.McpServer, { name }: ListedTool): boolean =>
  allow === undefined || allow.includes(name)

const offeredBy = (server: McpServer.McpServer) =>
  Effect.map(connect(server), (connection) =>
    connection.tools
      .filter((listed) => isAllowed(server, listed))
      .map((listed): Offered => {
        const name = nameOf(server, listed)
        return { tool: toolOf(name, listed, connection), listed, server, connection }
      }),
  )

/**
 * The handlers of the worker and those of the servers' tools, until the Scope closes.
 *
 * Fails: `mcp_unavailable`, retryable; `mcp_package_missing`; `bad_tools` for two tools of one name.
 */
export const withServers = (
  own: WorkerCalls.Handlers,
  servers: ReadonlyArray<McpServer.McpServer>,
): Effect.Effect<WorkerCalls.Handlers, Executor.ExecutorError, Scope.Scope> =>
  Effect.gen(function* () {
    const offered = (yield* Effect.forEach(servers, offeredBy, { concurrency: "unbounded" })).flat()
    const byName = new Map<string, Offered>()
    for (const each of offered) {
      const { name } = each.tool
      if (byName.has(name) || Object.hasOwn(own.tools, name)) return yield* twice(name)
      byName.set(name, each)
    }
    return {
      tools: { ...own.tools, ...Object.fromEntries(offered.map(({ tool }) => [tool.name, tool])) },
      handle: (name, params) => {
        const found = byName.get(name)
        return found === undefined ? own.handle(name, params) : handle(found, params)
      },
    }
  })
