import { FetchHttpClient, HttpBody, HttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, Child, Executor, RequestSnapshot, Step, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { Config, Effect, Either, Layer } from "effect"

/** One worker process. MODEL_URL is where it asks, and DIES_AT the number of its question at which it is killed, if any. */
const settings = Config.all({
  modelUrl: Config.string("MODEL_URL"),
  diesAt: Config.withDefault(Config.integer("DIES_AT"), 0),
})

let asked = 0

/** Asks the model, which costs something. */
const ask = (question: string) =>
  Effect.gen(function* () {
    const { diesAt, modelUrl } = yield* settings
    asked += 1
    // The answer is on its way when the worker is killed.
    if (asked === diesAt) setTimeout(() => process.kill(process.pid, "SIGKILL"), 50)
    const answer = yield* HttpClient.post(modelUrl, { body: HttpBody.text(question) })
    return yield* answer.text
  }).pipe(Effect.provide(FetchHttpClient.layer), Effect.scoped, Effect.orDie)

const topicOf = (snapshot: RequestSnapshot.RequestSnapshot): string =>
  String(snapshot.messages[0]?.parts[0]?.["text"])

const topics = ["bees", "clouds", "glass", "salt", "tides"]

/** Spawns a researcher for each topic, waits for all of them without a worker, and sums up. */
const lead = Effect.gen(function* () {
  const team = yield* Child.spawnAll(
    "research",
    topics.map((topic) => ({ agentId: "researcher", snapshot: RequestSnapshot.fromText(topic) })),
  )
  const outcomes = yield* Child.joinAll(team)
  const found = outcomes.map(
    Either.match({ onLeft: ({ message }) => message, onRight: ({ result }) => String(result) }),
  )
  const summary = yield* Step.run("sum up", ask("sum up"))
  return [...found, summary].join("\n")
})

const agent = Executor.layerFrom(({ agentId, conversationId, runId, snapshot }) =>
  agentId === "lead"
    ? lead
    : Effect.gen(function* () {
        const topic = topicOf(snapshot)
        const found = yield* Step.run("find", ask(`find ${topic}`))
        const checked = yield* Step.run("check", ask(`check ${topic}`))
        return [AgentEvent.runFinished(conversationId, runId, { result: `${found}; ${checked}` })]
      }),
)

const concurrency = Config.withDefault(Config.integer("CONCURRENCY"), 2)

Effect.flatMap(concurrency, (concurrency) => Worker.run({ leaseDuration: "5 seconds", concurrency })).pipe(
  Effect.provide([agent, Client.layerConfig.pipe(Layer.provide(FetchHttpClient.layer))]),
  NodeRuntime.runMain,
)
