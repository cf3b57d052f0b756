/**
 * A server, a worker process that a test can kill, and a stand-in model whose pace the test controls.
 */
// Imported first, since the modules below read the setting when they load.
import "./telemetry.js"
import { HttpAgent } from "@ag-ui/client"
import { CopilotRuntime } from "@copilotkit/runtime/v2"
import { createCopilotNodeListener } from "@copilotkit/runtime/v2/node"
import { Command, type CommandExecutor } from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as Pace from "@runlease/testkit/Pace"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Context, Effect, Layer, Ref, Scope, Stream } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { type Options, RunleaseRunner } from "../src/RunleaseRunner.js"

export class Stack extends Context.Tag("@runlease/copilotkit/test/Stack")<
  Stack,
  {
    readonly options: Required<Options>
    readonly pace: Pace.Pace
    /** Kills the worker as a loss of power would, and starts another one. */
    readonly killWorker: Effect.Effect<void>
  }
>() {}

const program = Effect.promise(() => Bundle.fixture(new URL("fixtures/worker.ts", import.meta.url)))

/** A server on a free port of loopback; each call is one of its own. */
const listening = () => NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

const Call = /^call (\w+) (.*)$/s

/** Calls a tool for "call NAME JSON"; else answers with the result of the last call, or with the number of messages and the user's text. */
const model = (pace: Pace.Pace) =>
  ModelServer.layer(({ messages }) => {
    const last = messages.at(-1)
    const question = messages.findLast(({ role }) => role === "user")
    const text = question === undefined ? "" : ModelServer.textOf(question)
    const [, tool, args] = last?.role === "tool" ? [] : (Call.exec(text) ?? [])
    if (tool !== undefined && args !== undefined) return { tool, arguments: JSON.parse(args) }
    const answer =
      last?.role === "tool" ? `Result: ${ModelServer.textOf(last)}` : `${messages.length} messages: ${text}`
    return Stream.tap(Stream.fromIterable(ModelServer.wordsOf(answer)), () => pace.turn)
  }).pipe(Layer.provide(listening()))

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(listening()),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

export const layer = Layer.scoped(
  Stack,
  Effect.gen(function* () {
    const pace = yield* Pace.make
    const { url } = Context.get(yield* Layer.build(model(pace)), ModelServer.ModelServer)
    const connection = yield* WorkerProcess.connection
    const start = Command.start(
      Command.make(process.execPath, yield* program).pipe(
        Command.env({ ...connection, MODEL_URL: url }),
        Command.stderr("inherit"),
      ),
    )
    const worker = yield* Effect.flatMap(start, Ref.make)
    const scope = yield* Effect.scope
    const killWorker = Effect.gen(function* () {
      yield* (yield* Ref.get(worker)).kill("SIGKILL")
      yield* Ref.set(worker, yield* Effect.provideService(start, Scope.Scope, scope))
    })
    const context = yield* Effect.context<CommandExecutor.CommandExecutor>()
    return {
      options: { url: connection.RUNLEASE_URL, apiKey: connection.RUNLEASE_API_KEY },
      pace,
      killWorker: Effect.orDie(Effect.provide(killWorker, context)),
    }
  }),
).pipe(Layer.provide([controlPlane, NodeContext.layer]), Layer.orDie)

/** A runtime of CopilotKit over a server, as a request listener. Without a key each request needs a token. */
const listener = ({ apiKey, url }: Options, mode: "multi-route" | "single-route") => {
  const runner = new RunleaseRunner(apiKey === undefined ? { url } : { apiKey, url })
  const assistant = new HttpAgent({
    url: `${url}/ag-ui/assistant?detach=true&busy=refuse`,
    ...(apiKey === undefined ? {} : { headers: { Authorization: `Bearer ${apiKey}` } }),
  })
  const runtime = new CopilotRuntime({ agents: { assistant }, runner })
  return createCopilotNodeListener({ basePath: "/api/copilotkit", mode, runtime, hooks: runner.hooks })
}

/** Starts a runtime, which ends with the Scope. Gives its address. */
const serve = (options: Options, mode: "multi-route" | "single-route" = "multi-route") =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(listener(options, mode))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        }),
    )
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/copilotkit`
  })

/** The runtime of pages that have no token. */
export const runtime = Effect.flatMap(Stack, ({ options }) => serve(options))

/** The runtime of pages that have tokens. */
export const runtimeWithoutKey = Effect.flatMap(Stack, ({ options: { url } }) => serve({ url }))

/** The same, whose one address takes every request in an envelope. */
export const singleRouteWithoutKey = Effect.flatMap(Stack, ({ options: { url } }) =>
  serve({ url }, "single-route"),
)
