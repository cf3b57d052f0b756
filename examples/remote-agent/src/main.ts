import { HttpServer } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { AgUiExecutor } from "@runlease/executor-ag-ui"
import { MemoryControlPlane } from "@runlease/store"
import { Config, Console, Effect, Layer, Option, Stream } from "effect"
import * as StandIn from "./StandIn.js"

const standIn = Layer.unwrapEffect(
  HttpServer.addressFormattedWith((url) => Effect.succeed(AgUiExecutor.layerWith({ url }))),
).pipe(Layer.provide(StandIn.agent))

/** The agent at AGENT_URL, with the header AGENT_AUTHORIZATION; else the stand-in, which needs no key. */
const executor = Layer.unwrapEffect(
  Effect.map(
    Effect.all([
      Config.option(Config.string("AGENT_URL")),
      Config.option(Config.redacted("AGENT_AUTHORIZATION")),
    ]),
    ([url, secret]) =>
      Option.match(url, {
        onNone: () => standIn,
        onSome: (given) =>
          AgUiExecutor.layerWith({
            url: given,
            headers: Option.match(secret, {
              onNone: () => ({}),
              onSome: (authorization) => ({ authorization }),
            }),
          }),
      }),
  ),
)

const lineOf = AgentEvent.match({
  TEXT_MESSAGE_CONTENT: ({ delta, type }) => `${type} ${JSON.stringify(delta)}`,
  orElse: ({ type }) => type,
})

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* runs.submit({
    publicId: "count-1",
    agentId: "counter",
    snapshot: RequestSnapshot.fromText("How many letters?"),
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event, eventId }) =>
    Console.log(`${eventId} ${lineOf(event)}`),
  )
})

const worker = Worker.layer.pipe(Layer.provide(executor), Layer.provideMerge(MemoryControlPlane.layer))

program.pipe(Effect.provide(worker), NodeRuntime.runMain)
