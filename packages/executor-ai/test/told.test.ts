/** Runs that are told something while their model works. */
import { describe, it } from "@effect/vitest"
import { Tool, Toolkit } from "@effect/ai"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, type Ids, Leases, Runs } from "@runlease/core"
import { EventOrder, TestRuns } from "@runlease/testkit"
import { Deferred, Effect, Fiber, Layer, Runtime, Schema, type Scope } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"
import * as PageClient from "./PageClient.js"
import * as Processes from "./Processes.js"

const toolkit = Toolkit.make(
  Tool.make("charge", { parameters: { what: Schema.String }, success: Schema.String }),
)
const handlers = toolkit.toLayer({ charge: ({ what }) => Effect.succeed(`charged ${what}`) })

const charge = { id: "call", name: "charge", args: { what: "it" } }

const tell = (runId: Ids.RunId, text: string) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.tell(runId, { parts: [{ type: "text", text }] }))

/** How often a request to the model has the text. */
const countIn = ({ body }: ModelServer.Request, text: string): number =>
  JSON.stringify(body).split(text).length - 1

/** A model whose first answer is this one, and does not end before it is `released`; the next answers end at once. */
const held = (first: ModelServer.Turn, ...others: ReadonlyArray<ModelServer.Turn>) =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const released = yield* Deferred.make<void>()
    const runtime = yield* Effect.runtime<never>()
    const until = Runtime.runPromise(runtime)(Deferred.await(released))
    const server = yield* ModelServer.make((request) => {
      if (request.index > 0) return ModelServer.inTurn(first, ...others)(request)
      Runtime.runSync(runtime)(Deferred.succeed(asked, undefined))
      return { ...first, until }
    })
    return { server, asked: Deferred.await(asked), release: Deferred.succeed(released, undefined) }
  })

for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
  describe(`a run that is told something while its model works (${name})`, () => {
    /** A run is told "left" while the model gives the first of these answers. */
    const toldDuring = (turns: readonly [ModelServer.Turn, ...ReadonlyArray<ModelServer.Turn>]) =>
      Effect.gen(function* () {
        const { asked, release, server } = yield* held(...turns)
        yield* ModelWorkers.start(server, { toolkit })
        const { runId } = yield* TestRuns.submit()
        yield* asked
        yield* tell(runId, "left")
        yield* release
        yield* ModelWorkers.untilStatus(runId, "completed")
        const log = yield* TestRuns.eventsOf(runId)
        deepStrictEqual(EventOrder.violations(log, { ended: true }), [])
        return { requests: server.requests, text: ModelRuns.textOf(log) }
      })

    const services = Layer.merge(handlers, controlPlane)

    const live = <A, E>(
      title: string,
      body: Effect.Effect<A, E, Layer.Layer.Success<typeof services> | Scope.Scope>,
    ) => it.scopedLive(title, () => Effect.provide(body, services))

    live(
      "has it in its next request, behind the results of the calls",
      Effect.gen(function* () {
        const { requests, text } = yield* toldDuring([
          { texts: ["Charging. "], calls: [charge] },
          { texts: ["Charged."] },
        ])
        deepStrictEqual([requests.length, text], [2, "Charging. Charged."])
        const last = requests[1]!
        strictEqual(countIn(last, "left"), 1)
        const said = JSON.stringify(last.body)
        assertTrue(said.indexOf("charged it") < said.indexOf("left"), said)
      }),
    )

    live(
      "does not end with the answer that was to be the last",
      Effect.gen(function* () {
        const { requests, text } = yield* toldDuring([{ texts: ["Done. "] }, { texts: ["Left, then."] }])
        deepStrictEqual([requests.length, text], [2, "Done. Left, then."])
        strictEqual(countIn(requests[1]!, "left"), 1)
      }),
    )

    live(
      "has it once after the death of the worker that took it",
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["Left, then."] }))
        const leases = yield* Leases.Leases
        const dead = yield* TestRuns.hold(yield* TestRuns.register())
        const { runId } = dead
        yield* tell(runId, "left")
        yield* tell(runId, "right")
        yield* TestRuns.append(dead, [
          AgentEvent.custom("runlease.inbox", {
            step_id: "0".repeat(32),
            record_id: "record",
            name: "inbox",
            key: 0,
            after: 0,
            to: 1,
          }),
          AgentEvent.textStart("m1"),
          AgentEvent.textContent("m1", "Broken"),
        ])
        yield* leases.release(TestRuns.leaseOf(dead))
        yield* ModelWorkers.start(server, { toolkit })
        yield* ModelWorkers.untilStatus(runId, "completed")
        const [request] = server.requests
        deepStrictEqual(
          [server.requests.length, countIn(request!, "left"), countIn(request!, "right")],
          [1, 1, 1],
        )
      }),
    )
  })
}

describe("a page that corrects its agent", () => {
  for (const version of PageClient.versions) {
    it.scopedLive(
      `is heard once, though the worker is killed before it answers (@ag-ui/client ${version})`,
      () =>
        Effect.gen(function* () {
          const runtime = yield* Effect.runtime<never>()
          const asked = yield* Deferred.make<void>()
          const told = yield* Deferred.make<void>()
          const heard = yield* Deferred.make<void>()
          const until = Runtime.runPromise(runtime)(Deferred.await(told))
          const model = yield* ModelServer.make((request): ModelServer.Turn => {
            const { index } = request
            if (index > 1) return { texts: ["Left, then."] }
            Runtime.runSync(runtime)(Deferred.succeed(index === 0 ? asked : heard, undefined))
            return index === 0
              ? { texts: ["Charging."], calls: [charge], until }
              : { texts: ["Half an answer"], ending: "hang" }
          })
          const { calls, connection, startWorker } = yield* Processes.open(model.url)
          const page = PageClient.make(version, connection)

          const worker = yield* startWorker
          yield* page.addUserMessage("Go")
          const running = yield* Effect.forkScoped(page.run())
          yield* Deferred.await(asked)
          deepStrictEqual(yield* page.steer("Turn left"), ["RUN_STARTED", "RUN_FINISHED"])
          yield* Deferred.succeed(told, undefined)
          yield* Deferred.await(heard)
          yield* worker.kill
          yield* startWorker
          strictEqual((yield* Fiber.join(running)).type, "RUN_FINISHED")
          deepStrictEqual(
            model.requests.map((request) => countIn(request, "Turn left")),
            [0, 1, 1],
          )
          deepStrictEqual(yield* calls, ["charge it"])
          // How much of the answer that broke off was shown is not certain.
          deepStrictEqual(
            (yield* page.texts).filter((text) => !text.startsWith("Half")),
            ["Charging.", "Left, then."],
          )
        }),
    )
  }
})
