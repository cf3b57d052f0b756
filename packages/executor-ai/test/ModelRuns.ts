/** Runs of an `AiExecutor` over the stand-in model server, through each provider. */
import * as ClaimedRuns from "@runlease/testkit/ClaimedRuns"
import { AiExecutor, AiModel } from "@runlease/executor-ai"
import type { Tool } from "@effect/ai"
import { type AgentEvent, type ControlPlane, Executor } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Chunk, ConfigProvider, Effect, Layer, Schema, Stream } from "effect"
import * as ModelServer from "./ModelServer.js"

export const claimed = ClaimedRuns.make

export const messageId = claimed().messageId

/** The name of a model for each protocol. */
export const providers: Readonly<Record<ModelServer.Protocol, string>> = {
  responses: "openai:gpt-test",
  messages: "anthropic:claude-test",
  completions: "openai-chat:local-test",
}

export const protocols = Object.keys(providers) as ReadonlyArray<ModelServer.Protocol>

export const keys = Layer.setConfigProvider(
  ConfigProvider.fromMap(
    new Map([
      ["OPENAI_API_KEY", "sk-openai"],
      ["ANTHROPIC_API_KEY", "sk-anthropic"],
    ]),
  ),
)

/** The model of a stand-in server, through the provider of that protocol. */
export const model = (protocol: ModelServer.Protocol, server: { readonly url: string }) =>
  AiModel.fromName(providers[protocol], { baseUrl: server.url }).pipe(Layer.provide(keys))

/** An executor over that model. */
export const executor = <Tools extends Record<string, Tool.Any> = {}>(
  protocol: ModelServer.Protocol,
  server: { readonly url: string },
  options: AiExecutor.Options<Tools> = {},
) => AiExecutor.make(options).pipe(Effect.provide(model(protocol, server)))

/** The events of a run, and how its stream ended. */
export const outcome = (execute: Executor.Execute, run = claimed()) =>
  Effect.gen(function* () {
    const events: Array<AgentEvent.LogEvent> = []
    const exit = yield* Effect.either(
      Stream.runForEach(Executor.toStream(execute)(run), (event) => Effect.sync(() => events.push(event))),
    )
    return { events, exit }
  })

/** All events of a run that does not fail. */
export const eventsOf = (execute: Executor.Execute, run = claimed()) =>
  Effect.map(Stream.runCollect(Executor.toStream(execute)(run)), Chunk.toReadonlyArray)

/** The failure of a run, and the events before it. */
export const failureOf = (execute: Executor.Execute, run = claimed()) =>
  Effect.gen(function* () {
    const { events, exit } = yield* outcome(execute, run)
    const error = yield* Effect.flip(exit)
    return { events, error: yield* Schema.decodeUnknown(Schema.instanceOf(Executor.ExecutorError))(error) }
  })

export const textOf = (events: ReadonlyArray<AgentEvent.LogEvent>): string =>
  events.map((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? String(event["delta"]) : "")).join("")

export const typesOf = (events: ReadonlyArray<AgentEvent.LogEvent>): ReadonlyArray<string> =>
  events.map((event) => event.type)

/** The ports of a new control plane, for runs without a worker. */
export const log: Layer.Layer<ControlPlane.ProjectPorts> = MemoryControlPlane.layer
