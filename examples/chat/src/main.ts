import { NodeRuntime } from "@effect/platform-node"
import { MemoryControlPlane, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { AiExecutor, AiModel } from "@runlease/executor-ai"
import { Config, Console, Effect, Layer, Option, Stream } from "effect"
import * as StandIn from "./StandIn.js"

/** The model that MODEL names, or one that needs no key. */
const model = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.string("MODEL")),
    Option.match({ onNone: () => StandIn.model, onSome: (name) => AiModel.fromName(name) }),
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
      Stream.filter(({ event }) => event.type === "TEXT_MESSAGE_CONTENT"),
      Stream.runFold("", (text, { event }) => text + String(event["delta"])),
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
