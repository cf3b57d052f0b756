import { FetchHttpClient, HttpBody, HttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Child, Step, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { Config, Effect, Layer } from "effect"
import { Lead, Researcher } from "./agents.js"

/** One worker process. MODEL_URL is the model's address, and DIES_AT the number of its question at which it is killed, if any. */
const settings = Config.all({
  modelUrl: Config.string("MODEL_URL"),
  diesAt: Config.withDefault(Config.integer("DIES_AT"), 0),
})

let questions = 0

/** Asks the model, which costs something. */
const ask = (question: string) =>
  Effect.gen(function* () {
    const { diesAt, modelUrl } = yield* settings
    questions += 1
    // The answer is on its way when the worker is killed.
    if (questions === diesAt) setTimeout(() => process.kill(process.pid, "SIGKILL"), 50)
    const answer = yield* HttpClient.post(modelUrl, { body: HttpBody.text(question) })
    return yield* answer.text
  })

const researcher = Researcher.toLayer(({ topic }) =>
  Effect.all({
    found: Step.run("find", ask(`find ${topic}`)),
    checked: Step.run("check", ask(`check ${topic}`)),
  }),
)

/** Waits for the team without a worker. */
const lead = Lead.toLayer(({ topics }) =>
  Effect.gen(function* () {
    const team = yield* Child.spawnAll(
      "research",
      Researcher,
      topics.map((topic) => ({ topic })),
    )
    const findings = yield* Effect.all(yield* Child.joinAll(team))
    const summary = yield* Step.run("sum up", ask("sum up"))
    return { findings, summary }
  }),
)

const concurrency = Config.withDefault(Config.integer("CONCURRENCY"), 2)

Effect.flatMap(concurrency, (concurrency) => Worker.run({ leaseDuration: "5 seconds", concurrency })).pipe(
  Effect.provide(Layer.mergeAll(lead, researcher, Client.layerConfig)),
  Effect.provide(FetchHttpClient.layer),
  NodeRuntime.runMain,
)
