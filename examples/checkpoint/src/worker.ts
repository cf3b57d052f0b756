import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, Emit, Executor, Step, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { Array, Config, Effect, Layer } from "effect"

/** One worker process. WORKER_NAME is its name, and DIES_AT the page at which it is killed, if any. */
const settings = Config.all({
  name: Config.string("WORKER_NAME"),
  diesAt: Config.withDefault(Config.integer("DIES_AT"), 0),
})

/** Reads a page, which takes a while and costs something, and returns its number of words. */
const readPage = (page: number) =>
  Effect.gen(function* () {
    const { diesAt, name } = yield* settings
    yield* Emit.event(AgentEvent.custom("reads", { name, page }))
    yield* Effect.sleep("100 millis")
    if (page === diesAt) process.kill(process.pid, "SIGKILL")
    return 100 + page
  })

const agent = Executor.layerFrom(() =>
  Effect.gen(function* () {
    const words = yield* Effect.forEach(Array.range(1, 6), (page) =>
      Step.run("page", readPage(page), { key: page }),
    )
    return `${words.length} pages, ${words.reduce((sum, count) => sum + count)} words`
  }),
)

Worker.run({ leaseDuration: "5 seconds" }).pipe(
  Effect.provide([agent, Client.layerConfig.pipe(Layer.provide(FetchHttpClient.layer))]),
  NodeRuntime.runMain,
)
