/** Kills two of the three workers of an agent, approves its refund and declines another, and counts what was done. */
import { Command, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, type Ids, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Server } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Chunk, Console, Deferred, Effect, HashMap, Layer, Option, Ref, Schedule, Stream } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const workerProgram = fileURLToPath(new URL("process.ts", import.meta.url))

/** Counts what the agent does. The first request for the second and the third answer of the model is not answered. */
const makeShop = Effect.gen(function* () {
  const counts = yield* Ref.make(HashMap.empty<string, number>())
  const closed = yield* Deferred.make<void>()
  const unanswered = {
    "model-2": yield* Deferred.make<void>(),
    "model-3": yield* Deferred.make<void>(),
  }
  const server = yield* NodeHttpServer.make(() => createServer(), { port: 0, host: "127.0.0.1" })
  yield* server.serve(
    Effect.gen(function* () {
      const what = (yield* HttpServerRequest.HttpServerRequest).url.slice(1)
      const all = yield* Ref.updateAndGet(
        counts,
        HashMap.modifyAt(what, (count) => Option.some(Option.getOrElse(count, () => 0) + 1)),
      )
      const isFirst = HashMap.unsafeGet(all, what) === 1
      if (isFirst && (what === "model-2" || what === "model-3")) {
        yield* Deferred.succeed(unanswered[what], undefined)
        yield* Deferred.await(closed)
      }
      return HttpServerResponse.empty()
    }),
  )
  // Added last, so it runs before the server closes, which waits for its answers.
  yield* Effect.addFinalizer(() => Deferred.succeed(closed, undefined))
  return { url: HttpServer.formatAddress(server.address), counts: Ref.get(counts), unanswered }
})

/** A person, who answers what the run waits for. */
const respond = Effect.fnUntraced(function* (runId: Ids.RunId, approved: boolean) {
  const runs = yield* Runs.Runs
  yield* Effect.repeat(runs.get(runId), {
    until: ({ status }) => status === "waiting" || status === "failed",
    schedule: Schedule.spaced("20 millis"),
  })
  const { error, waiting } = yield* runs.get(runId)
  if (waiting === null) return yield* Effect.dieMessage(`The run does not wait: ${error?.message}`)
  for (const { id, message, metadata, toolArguments } of waiting.interrupts) {
    yield* Console.log(
      `${message} ${JSON.stringify(toolArguments ?? metadata?.["about"])} ${approved ? "yes" : "no"}`,
    )
    yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
  }
})

const submit = Effect.flatMap(Runs.Runs, (runs) =>
  runs.submit({ agentId: "desk", snapshot: RequestSnapshot.fromText("Refund order 1041, please.") }),
)

/** Shows the text of a run when it has ended. */
const showText = Effect.fnUntraced(function* (runId: Ids.RunId) {
  const events = yield* Stream.runCollect((yield* RunLog.RunLog).follow({ runId }))
  const texts = Chunk.filter(
    Chunk.map(events, ({ event }) => event),
    AgentEvent.is("TEXT_MESSAGE_CONTENT"),
  )
  yield* Console.log(
    Chunk.join(
      Chunk.map(texts, ({ delta }) => delta),
      "",
    ),
  )
})

const demonstration = (module: string) =>
  Effect.gen(function* () {
    const shop = yield* makeShop
    const environment = { ...(yield* WorkerProcess.connection), SHOP_URL: shop.url, MODULE: module }
    const startWorker = Command.start(WorkerProcess.command(workerProgram, environment))
    const { run } = yield* submit

    const ada = yield* startWorker
    yield* Deferred.await(shop.unanswered["model-2"])
    yield* ada.kill("SIGKILL")
    yield* Console.log("ada was killed while the model answered; brian goes on")

    const brian = yield* startWorker
    yield* respond(run.runId, true)
    yield* Deferred.await(shop.unanswered["model-3"])
    yield* brian.kill("SIGKILL")
    yield* Console.log("brian was killed after the refund; carol goes on")

    yield* startWorker
    yield* showText(run.runId)
    const { run: second } = yield* submit
    yield* respond(second.runId, false)
    yield* showText(second.runId)
    const counts = [...(yield* shop.counts)].toSorted(([a], [b]) => a.localeCompare(b))
    yield* Console.log(counts.map(([what, count]) => `${what} ${count}`).join(", "))
  }).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

/** Shows it for a worker module. */
export const show = (module: URL): void =>
  demonstration(module.href).pipe(Effect.provide([controlPlane, NodeContext.layer]), NodeRuntime.runMain)
