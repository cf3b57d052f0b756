import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { AgentEvent } from "@runlease/core"
import { Effect, Layer, Schema, Stream } from "effect"
import { createServer } from "node:http"

const Input = Schema.Struct({
  threadId: Schema.String,
  runId: Schema.String,
  messages: Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.String })),
})

/** Counts the letters of the last message, and answers with AG-UI events. */
const answer = Effect.gen(function* () {
  const { messages, runId, threadId } = yield* HttpServerRequest.schemaBodyJson(Input)
  const letters = (messages.at(-1)?.content ?? "").replaceAll(/\P{L}/gu, "").length
  const events: ReadonlyArray<AgentEvent.AgentEvent> = [
    { type: "RUN_STARTED", threadId, runId },
    AgentEvent.stepStarted("count"),
    AgentEvent.textStart("m1"),
    AgentEvent.textContent("m1", "That has "),
    AgentEvent.textContent("m1", `${letters} letters.`),
    AgentEvent.textEnd("m1"),
    AgentEvent.stepFinished("count"),
    { type: "RUN_FINISHED", threadId, runId },
  ]
  return HttpServerResponse.stream(
    Stream.encodeText(Stream.fromIterable(events.map((event) => `data: ${JSON.stringify(event)}\n\n`))),
    { contentType: "text/event-stream" },
  )
})

/** Serves the agent on loopback; the server's address is its URL. */
export const agent = HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.post("/", answer))).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
)
