/** What is done of a tool call again when the attempt that made it died. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type AgentEvent, Claims, Leases, RunLog } from "@runlease/core"
import { ToolCalls } from "@runlease/core/executor"
import { AiTool } from "@runlease/executor-ai"
import { EventOrder, Faults, TestRuns } from "@runlease/testkit"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Ref, Schema, Scope } from "effect"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const parameters = { sum: Schema.Int }
const success = Schema.String
const dependencies = [AiTool.CurrentCall]
const make = { parameters, success, dependencies }

const toolkit = Toolkit.make(
  Tool.make("look", make).annotate(AiTool.SideEffect, "pure"),
  Tool.make("put", make).annotate(AiTool.SideEffect, "idempotent"),
  Tool.make("pay", make).annotate(AiTool.SideEffect, "atMostOnce"),
  Tool.make("stay", make).annotate(AiTool.SideEffect, "pure"),
)

/** The tools, what was called of them by which key, and which call never comes back until it is interrupted. */
const tools = (hanging: string) =>
  Effect.gen(function* () {
    const made = yield* Ref.make<ReadonlyArray<readonly [name: string, key: string]>>([])
    const stuck = yield* Deferred.make<void>()
    const calls = yield* Ref.make(0)
    const handler = (name: string) => () =>
      Effect.gen(function* () {
        const { key } = yield* AiTool.CurrentCall
        yield* Ref.update(made, (before) => [...before, [name, key] as const])
        if (name === hanging && (yield* Ref.getAndUpdate(calls, (n) => n + 1)) === 0) {
          yield* Deferred.succeed(stuck, undefined)
          return yield* Effect.never
        }
        return `${name} done`
      })
    const layer = toolkit.toLayer({
      look: handler("look"),
      put: handler("put"),
      pay: handler("pay"),
      stay: handler("stay"),
    })
    return { made: Ref.get(made), stuck: Deferred.await(stuck), layer }
  })

const call = (name: string, id: string, args: unknown = { sum: 1 }) => ({ id, name, args })

/** How an attempt can end without an outcome: its worker drains, or its worker cannot reach the control plane. */
const endings = {
  "is drained": { cut: false },
  "is cut off": { cut: true },
} as const

/** Calls without exactly one result. A client would make those without a result itself. */
const unanswered = (events: ReadonlyArray<AgentEvent.LogEvent>) => {
  const idsOf = (type: string) =>
    events.flatMap((event) => (event.type === type ? [event["toolCallId"]] : []))
  const answered = idsOf("TOOL_CALL_RESULT")
  return [
    ...idsOf("TOOL_CALL_START").filter((id) => !answered.includes(id)),
    ...answered.filter((id, index) => answered.indexOf(id) !== index),
  ]
}

/** Ports that can be cut: then no request of the worker arrives, so it does not claim runs either. */
const cuttable = (isCut: Deferred.Deferred<void>) => ({
  claims: Faults.over(Claims.Claims, (claims) => ({
    ...claims,
    claim: (request) =>
      Effect.raceFirst(
        Effect.asSome(claims.claim(request)),
        Effect.as(Deferred.await(isCut), Option.none()),
      ).pipe(Effect.flatMap((found) => (Option.isSome(found) ? Effect.succeed(found.value) : Effect.never))),
  })),
  leases: Faults.over(Leases.Leases, (leases) => {
    const unlessCut = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.flatMap(Deferred.isDone(isCut), (cut) => (cut ? Effect.never : effect))
    return {
      ...leases,
      renew: (request) => unlessCut(leases.renew(request)),
      release: (ref, options) => unlessCut(leases.release(ref, options)),
      complete: (ref, outcome, last) => unlessCut(leases.complete(ref, outcome, last)),
    }
  }),
  log: Faults.over(RunLog.RunLog, (log) => ({
    ...log,
    append: (request) =>
      Effect.flatMap(Deferred.isDone(isCut), (cut) => (cut ? Effect.never : log.append(request))),
  })),
})

for (const [ending, { cut }] of Object.entries(endings)) {
  for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
    // Each waits for a lease to lapse.
    describe.concurrent(`calls of an attempt whose worker ${ending} (${name})`, () => {
      /** Runs a first attempt until `hanging` hangs and ends it. A second worker then continues the run. */
      const twice = (
        hanging: string,
        first: ReadonlyArray<ModelServer.ToolCall>,
        /** What the model calls in its answer to the second attempt, where its first answer was not recorded. */
        second?: ReadonlyArray<ModelServer.ToolCall>,
      ) =>
        Effect.gen(function* () {
          const { layer, made, stuck } = yield* tools(hanging)
          const server = yield* ModelServer.make(({ index }) =>
            index === 0
              ? { calls: first }
              : index === 1 && second !== undefined
                ? { calls: second }
                : { texts: ["Done."] },
          )
          const change = second === undefined ? undefined : ModelWorkers.withoutRecords
          const isCut = yield* Deferred.make<void>()
          const { claims, leases, log } = cuttable(isCut)
          const ports = yield* Layer.build(controlPlane)
          const cutPorts = yield* Layer.build(claims(log(leases(Layer.succeedContext(ports)))))
          const firstWorker = yield* Scope.make()
          yield* Effect.gen(function* () {
            yield* ModelWorkers.start(
              server,
              { toolkit },
              { leaseDuration: "5 seconds" },
              "responses",
              change,
            )
          }).pipe(Effect.provide(layer), Effect.provide(cutPorts), Scope.extend(firstWorker))
          return yield* Effect.gen(function* () {
            const { runId } = yield* TestRuns.submit()
            yield* stuck
            // The results of the other calls are in the log.
            const others = first.filter(({ name }) => name !== hanging)
            yield* Effect.forEach(others, ({ id }) =>
              ModelWorkers.untilLogged(
                runId,
                (event) => event.type === "TOOL_CALL_RESULT" && event["toolCallId"] === id,
              ),
            )
            if (second === undefined) {
              yield* ModelWorkers.untilLogged(runId, (event) => event["name"] === "runlease.step")
            }
            if (cut) yield* Deferred.succeed(isCut, undefined)
            else yield* Scope.close(firstWorker, Exit.void)
            yield* ModelWorkers.start(server, { toolkit })
            yield* ModelWorkers.untilStatus(runId, "completed")
            yield* Scope.close(firstWorker, Exit.void)
            const events = yield* TestRuns.eventsOf(runId)
            deepStrictEqual(EventOrder.violations(events, { ended: true }), [])
            deepStrictEqual(unanswered(events), [])
            return { made: yield* made, events, requests: server.requests, runId }
          }).pipe(Effect.provide(layer), Effect.provide(ports))
        })

      const test = (title: string, effect: Effect.Effect<unknown, unknown, Scope.Scope>) =>
        it.scopedLive(title, () => effect)

      test(
        "are not made again at most once, after an answer that was recorded: they are uncertain",
        Effect.gen(function* () {
          const { events, made, requests } = yield* twice("pay", [call("pay", "a")])
          deepStrictEqual(
            made.map(([tool]) => tool),
            ["pay"],
          )
          deepStrictEqual(
            events.flatMap(({ name, value }) => (name === ToolCalls.uncertainEventName ? [value] : [])),
            [{ toolCallId: "a", toolName: "pay", args: '{"sum":1}', begunAs: "a" }],
          )
          strictEqual(requests.length, 2)
          assertTrue(JSON.stringify(requests[1]!.body).includes("uncertain"))
        }),
      )

      test(
        "of an answer that was recorded stay as they are, and only those without a result are made",
        Effect.gen(function* () {
          const calls = ["look", "put", "pay", "stay"].map((tool) => call(tool, `a-${tool}`))
          const { made, requests } = yield* twice("stay", calls)
          deepStrictEqual(made.map(([tool]) => tool).toSorted(), ["look", "pay", "put", "stay", "stay"])
          strictEqual(requests.length, 2)
          const second = JSON.stringify(requests[1]!.body)
          for (const tool of ["look", "put", "pay", "stay"]) {
            assertTrue(second.includes(`a-${tool}`) && second.includes(`${tool} done`), second)
          }
        }),
      )

      test(
        "of an answer that was recorded have the same key when they are made again",
        Effect.gen(function* () {
          const { made } = yield* twice("put", [call("look", "a-look"), call("put", "a-put")])
          const keys = made.flatMap(([tool, key]) => (tool === "put" ? [key] : []))
          strictEqual(keys.length, 2)
          strictEqual(keys[0], keys[1])
        }),
      )

      test(
        "are not made again at most once: they are uncertain",
        Effect.gen(function* () {
          const { events, made, requests } = yield* twice(
            "pay",
            [call("pay", "a", { sum: 1 })],
            [call("pay", "b", '{ "sum": 1 }')],
          )
          deepStrictEqual(
            made.map(([tool]) => tool),
            ["pay"],
          )
          const uncertain = events.filter((event) => event["name"] === ToolCalls.uncertainEventName)
          deepStrictEqual(
            uncertain.map(({ value }) => value),
            [{ toolCallId: "b", toolName: "pay", args: '{"sum":1}', begunAs: "a" }],
          )
          const third = JSON.stringify(requests[2]!.body)
          assertTrue(third.includes("uncertain"), third)
        }),
      )

      test(
        "are made when they differ from those that were begun",
        Effect.gen(function* () {
          const { events, made } = yield* twice("pay", [call("pay", "a")], [call("pay", "b", { sum: 2 })])
          deepStrictEqual(
            made.map(([tool]) => tool),
            ["pay", "pay"],
          )
          strictEqual(new Set(made.map(([, key]) => key)).size, 2)
          assertTrue(!events.some((event) => event["name"] === ToolCalls.uncertainEventName))
        }),
      )

      test(
        "reuse their recorded results, except for pure calls",
        Effect.gen(function* () {
          const calls = (prefix: string) => [
            call("look", `${prefix}-look`),
            call("put", `${prefix}-put`),
            call("pay", `${prefix}-pay`),
          ]
          const { events, made } = yield* twice("stay", [...calls("a"), call("stay", "a-stay")], calls("b"))
          deepStrictEqual(made.map(([tool]) => tool).toSorted(), ["look", "look", "pay", "put", "stay"])
          const results = events.flatMap((event) =>
            event.type === "TOOL_CALL_RESULT" ? [[event["toolCallId"], event["content"]]] : [],
          )
          for (const tool of ["look", "put", "pay"]) {
            assertTrue(results.some(([id, content]) => id === `b-${tool}` && content === `${tool} done`))
          }
        }),
      )

      test(
        "have the same key in the next attempt when they are idempotent",
        Effect.gen(function* () {
          const { made } = yield* twice("put", [call("put", "a")], [call("put", "b")])
          strictEqual(made.length, 2)
          strictEqual(made[0]![1], made[1]![1])
        }),
      )
    })
  }
}

describe("a call that is made at most once", () => {
  it.scopedLive("is not made before the log holds its beginning", () =>
    Effect.gen(function* () {
      const { layer, made } = yield* tools("none")
      const server = yield* ModelServer.make(
        ModelServer.inTurn({ calls: [call("pay", "a")] }, { texts: ["ok"] }),
      )
      const gate = yield* Effect.makeLatch(false)
      const reached = yield* Deferred.make<void>()
      const ports = yield* Layer.build(ModelWorkers.controlPlanes["memory"]!)
      const delayed = Faults.over(RunLog.RunLog, (log) => ({
        ...log,
        append: (request) =>
          request.events.some(({ type }) => type === "TOOL_CALL_END")
            ? Deferred.succeed(reached, undefined).pipe(
                Effect.zipRight(gate.await),
                Effect.zipRight(log.append(request)),
              )
            : log.append(request),
      }))
      yield* Effect.gen(function* () {
        yield* ModelWorkers.start(server, { toolkit })
      }).pipe(Effect.provide(layer), Effect.provide(delayed(Layer.succeedContext(ports))))
      yield* Effect.gen(function* () {
        const { runId } = yield* TestRuns.submit()
        yield* Deferred.await(reached)
        // Gives a call that does not wait the time to run.
        yield* Effect.replicateEffect(Effect.sleep(0), 100, { discard: true })
        deepStrictEqual(yield* made, [])
        yield* gate.open
        yield* ModelWorkers.untilStatus(runId, "completed")
        strictEqual((yield* made).length, 1)
      }).pipe(Effect.provide(ports))
    }),
  )

  it.scopedLive("finishes when its worker drains, and its result is in the log", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const paid = yield* Deferred.make<string>()
      let count = 0
      const slow = Toolkit.make(
        Tool.make("pay", { parameters: { sum: Schema.Number }, success: Schema.String }),
      )
      const handlers = slow.toLayer({
        pay: () =>
          Effect.suspend(() => {
            count += 1
            return Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(paid))
          }),
      })
      const server = yield* ModelServer.make(
        ModelServer.inTurn({ calls: [call("pay", "a")] }, { texts: ["ok"] }),
      )
      yield* Effect.gen(function* () {
        const scope = yield* Scope.make()
        const options = { interruptGrace: "20 seconds" } as const
        yield* Scope.extend(ModelWorkers.start(server, { toolkit: slow }, options), scope)
        const { runId } = yield* TestRuns.submit()
        yield* Deferred.await(begun)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* Effect.replicateEffect(Effect.sleep(0), 100, { discard: true })
        yield* Deferred.succeed(paid, "paid by the first")
        yield* Fiber.join(closing)
        const results = (yield* TestRuns.eventsOf(runId)).filter(({ type }) => type === "TOOL_CALL_RESULT")
        deepStrictEqual(
          results.map(({ content }) => content),
          ["paid by the first"],
        )
        yield* ModelWorkers.start(server, { toolkit: slow })
        yield* ModelWorkers.untilStatus(runId, "completed")
        strictEqual(count, 1)
      }).pipe(Effect.provide(Layer.merge(handlers, ModelWorkers.controlPlanes["memory"]!)))
    }),
  )

  it.scopedLive("was not begun if the answer that requests it was cut off", () =>
    Effect.gen(function* () {
      const { layer, made } = yield* tools("none")
      const server = yield* ModelServer.make(
        ModelServer.inTurn(
          { calls: [call("pay", "a")], ending: "short" },
          { calls: [call("pay", "b")] },
          { texts: ["ok"] },
        ),
      )
      yield* Effect.gen(function* () {
        yield* ModelWorkers.start(server, { toolkit })
        const { runId } = yield* TestRuns.submit()
        yield* ModelWorkers.untilStatus(runId, "completed")
        deepStrictEqual((yield* made).length, 1)
        const events = yield* TestRuns.eventsOf(runId)
        assertTrue(!events.some((event) => event["name"] === ToolCalls.uncertainEventName))
        deepStrictEqual(unanswered(events), [])
      }).pipe(Effect.provide(Layer.merge(layer, ModelWorkers.controlPlanes["memory"]!)))
    }),
  )
})
