/**
 * A server and a worker, with the agents that docs/ag-ui.md uses.
 */
import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Access, AgentEvent, ControlPlane, Executor, Interrupts, RequestSnapshot } from "@runlease/core"
import * as Server from "@runlease/http/Server"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Layer, Redacted, Stream } from "effect"
import { createServer } from "node:http"

const callId = "call-1"

const assistant = Executor.from((run) => {
  const { messages, tools } = run.snapshot
  const text = RequestSnapshot.lastUserText(run.snapshot)
  if (text.startsWith("Refund")) {
    return Effect.map(Interrupts.approve("refund", { message: `${text}?` }), (approved) =>
      approved ? "Refunded" : "Not refunded",
    )
  }
  if (tools.length === 0) return Effect.succeed(`You said: ${text}`)
  const result = messages
    .flatMap(({ parts }) => parts)
    .find((part) => part.type === "tool_result" && part["toolCallId"] === callId)
  return result === undefined
    ? Stream.concat(
        Stream.make(
          AgentEvent.toolCallStart(callId, "setAccent"),
          AgentEvent.toolCallArgs(callId, '{"color":"teal"}'),
          AgentEvent.toolCallEnd(callId),
        ),
        Stream.fail(Executor.awaitToolResult(callId, "setAccent")),
      )
    : Effect.succeed(`Done: ${String(result["result"])}`)
})

/** Starts both in the Scope, with this agent. Returns the environment of the page's programs. */
export const startWith = <R>(agent: Executor.ExecuteWith<R>) =>
  Effect.gen(function* () {
    const store = yield* Layer.build(MemoryControlPlane.layer)
    const http = yield* Layer.build(
      Server.layer.pipe(
        Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
        Layer.provide(Layer.succeedContext(store)),
      ),
    )
    const url = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), http)
    const key = yield* Effect.gen(function* () {
      const access = yield* Access.Access
      const project = yield* access.getProject("default")
      return yield* access.createKey({ projectId: project.id, name: "docs", admin: false })
    }).pipe(Effect.provide(store))
    yield* TestWorker.start(agent).pipe(
      Effect.provide(Layer.provide(ControlPlane.layerProject(), Layer.succeedContext(store))),
    )
    return { RUNLEASE_URL: url, RUNLEASE_API_KEY: Redacted.value(key.token) }
  })

export const start = startWith(assistant)
