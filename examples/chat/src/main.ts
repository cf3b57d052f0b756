import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { AiExecutor, AiModel } from "@runlease/executor-ai"
import { MemoryControlPlane } from "@runlease/store"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { Config, Console, Effect, Layer, Option, Stream } from "effect"
import { createServer } from "node:http"

/** A server on loopback with the protocol of a real model. It needs no key. */
const standIn = Layer.unwrapEffect(
  Effect.map(ModelServer.ModelServer, ({ url }) =>
    AiModel.fromName("openai-chat:stand-in", { baseUrl: url }),
  ),
).pipe(
  Layer.provide(
    ModelServer.layer(({ messages }) => `I have read ${messages.length} messages, and have nothing to add.`),
  ),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
)

/** The model that MODEL names, or the stand-in. */
const model = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.string("MODEL")),
    Option.match({ onNone: () => standIn, onSome: (name) => AiModel.fromName(name) }),
  ),
)

const message = (role: string, text: string, id: string): RequestSnapshot.SnapshotMessage => ({
  id,
  role,
  parts: [RequestSnapshot.textPart(text)],
})

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const messages: Array<RequestSnapshot.SnapshotMessage> = []
  for (const question of ["What is a lease?", "And in five words?"]) {
    yield* Console.log(`you:   ${question}`)
    messages.push(message("user", question, `user-${messages.length}`))
    const { run } = yield* runs.submit({
      agentId: "chat",
      snapshot: { ...RequestSnapshot.empty, messages: [...messages] },
    })
    const answer = yield* log.follow({ runId: run.runId }).pipe(
      Stream.map(({ event }) => event),
      Stream.filter(AgentEvent.is("TEXT_MESSAGE_CONTENT")),
      Stream.runFold("", (text, { delta }) => text + delta),
    )
    messages.push(message("assistant", answer, run.messageId))
    const { metadata, status } = yield* runs.get(run.runId)
    yield* Console.log(`model: ${answer}`)
    yield* Console.log(`       ${status}, ${JSON.stringify(metadata)}`)
  }
})

const worker = Worker.layer.pipe(
  Layer.provide(AiExecutor.layerWith({ system: "You answer in one short sentence." })),
  Layer.provide(model),
  Layer.provideMerge(MemoryControlPlane.layer),
)

program.pipe(Effect.provide(worker), NodeRuntime.runMain)
