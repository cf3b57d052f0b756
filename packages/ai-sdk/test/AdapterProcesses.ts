/** The suite of an adapter with worker processes: one is killed in the middle of an answer, and after an approval. */
import { expect, it } from "@effect/vitest"
import { Command } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import * as Desk from "./AdapterDesk.js"

/** The first request for the last answer breaks off, once its worker has half of it. */
const script = (half: Deferred.Deferred<void>) => {
  let broken = false
  return ({ messages }: ModelServer.Request): ModelServer.Answer => {
    if (messages.at(-1)?.role !== "tool")
      return { text: "Let me see.", tool: "refund", arguments: { id: "7", euros: 40 } }
    if (broken) return "It is refunded."
    broken = true
    return Stream.concat(Stream.make("It is "), Stream.fromEffect(Deferred.succeed(half, undefined))).pipe(
      Stream.filter((piece) => typeof piece === "string"),
      Stream.concat(Stream.never),
    )
  }
}

/** `worker`: the program of a worker whose model is at MODEL_URL, and whose refunds, with an approval, are at SHOP_URL. */
export const make = (worker: URL): void =>
  it.scopedLive(
    "is taken over: no answer is paid twice but the one that broke off, and the page has each text once",
    () =>
      Effect.gen(function* () {
        const program = yield* Effect.promise(() => Bundle.fixture(worker))
        const half = yield* Deferred.make<void>()
        const shop = yield* Desk.shop
        yield* Effect.gen(function* () {
          const { requests, url } = yield* ModelServer.ModelServer
          const environment = { ...(yield* WorkerProcess.connection), MODEL_URL: url, SHOP_URL: shop.url }
          const startWorker = Command.start(WorkerProcess.command(program, environment))
          const page = yield* Desk.page
          yield* page.send("Refund order 7")
          const ada = yield* startWorker
          const [question] = yield* page.run()
          const answering = yield* Effect.fork(page.run([{ interruptId: question!.id, approved: true }]))
          yield* Deferred.await(half)
          yield* ada.kill("SIGKILL")
          yield* startWorker
          expect(yield* Fiber.join(answering)).toEqual([])
          expect(yield* page.texts).toEqual(["Let me see.", "It is refunded."])
          expect(yield* page.results).toEqual([["call-1", "40 EUR refunded: 200"]])
          expect(shop.refunds()).toBe(1)
          expect((yield* requests).length).toBe(3)
        }).pipe(Effect.provide(Layer.merge(Desk.server, Desk.modelServer(script(half)))))
      }).pipe(Effect.provide(NodeContext.layer)),
  )
