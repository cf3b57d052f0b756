/** A run whose worker is killed in the middle of answers of its model. */
import { describe, it } from "@effect/vitest"
import { Tool, Toolkit } from "@effect/ai"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Leases, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { AiTool } from "@runlease/executor-ai"
import { EventOrder, TestRuns } from "@runlease/testkit"
import { Deferred, Effect, Fiber, Layer, Ref, Schema } from "effect"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"
import * as PageClient from "./PageClient.js"
import * as Processes from "./Processes.js"
import * as Searches from "../../testkit/test/Searches.js"

/** How many results of calls a request to the model has: the number of its next answer. */
const resultsIn = (body: Readonly<Record<string, unknown>>): number =>
  (Array.isArray(body["input"]) ? body["input"] : []).filter(
    (item: Readonly<Record<string, unknown>>) => item["type"] === "function_call_output",
  ).length

/** More than the attempts of a run, which is killed after each of them but the last. */
const answers = 5
const numbers = Array.from({ length: answers }, (_, number) => number)

const whole = (number: number): ModelServer.Turn => ({
  texts: [`Part ${number}.`],
  calls:
    number < answers - 1 ? [{ id: `call-${number}`, name: "charge", args: { what: String(number) } }] : [],
})

describe("a run of five answers whose worker is killed after each of the first four", () => {
  for (const version of Searches.oneOf(PageClient.versions)) {
    it.scopedLive(
      `pays for each answer once, makes each call once and shows each part once (@ag-ui/client ${version})`,
      () =>
        Effect.gen(function* () {
          const broken = yield* Effect.forEach(numbers, () => Deferred.make<void>())
          const given: Array<number> = []
          // Each answer but the first breaks off at its first request.
          const model = yield* ModelServer.make(({ body }) => {
            const number = resultsIn(body)
            const isFirst = number > 0 && !Effect.runSync(Deferred.isDone(broken[number]!))
            Effect.runSync(Deferred.succeed(broken[number]!, undefined))
            if (isFirst) return { texts: [`Half of ${number}`], ending: "hang" }
            given.push(number)
            return whole(number)
          })
          const { calls, connection, startWorker } = yield* Processes.open(model.url)
          const page = PageClient.make(version, connection)

          let worker = yield* startWorker
          yield* page.addUserMessage("Go")
          const running = yield* Effect.forkScoped(page.run())
          for (const number of numbers.slice(1)) {
            yield* Deferred.await(broken[number]!)
            yield* worker.kill
            worker = yield* startWorker
          }
          strictEqual((yield* Fiber.join(running)).type, "RUN_FINISHED")
          deepStrictEqual(given, numbers)
          strictEqual(model.requests.length, 2 * answers - 1)
          deepStrictEqual(
            (yield* page.texts).filter((text) => text.startsWith("Part")),
            numbers.map((number) => `Part ${number}.`),
          )
          deepStrictEqual(
            yield* calls,
            numbers.slice(0, -1).map((number) => `charge ${number}`),
          )
        }),
    )
  }
})

describe("a run of five answers whose worker is killed at the start of each call", () => {
  it.scopedLive("pays for each answer once", () =>
    Effect.gen(function* () {
      const model = yield* ModelServer.make(({ body }) => {
        const number = resultsIn(body)
        const calls = [{ id: `call-${number}`, name: "hang", args: { what: String(number) } }]
        return { texts: [`Part ${number}.`], ...(number < answers - 1 ? { calls } : {}) }
      })
      const { calls, connection, startWorker } = yield* Processes.open(model.url)
      const [version] = PageClient.versions
      const page = PageClient.make(version!, connection)
      let worker = yield* startWorker
      yield* page.addUserMessage("Go")
      const running = yield* Effect.forkScoped(page.run())
      for (const number of numbers.slice(0, -1)) {
        yield* calls.pipe(
          Effect.catchAllDefect(() => Effect.succeed<ReadonlyArray<string>>([])),
          Effect.delay("10 millis"),
          Effect.repeat({ until: (lines) => lines.includes(`hang ${number}`) }),
          Effect.timeout("4 minutes"),
        )
        yield* worker.kill
        worker = yield* startWorker
      }
      strictEqual((yield* Fiber.join(running)).type, "RUN_FINISHED")
      strictEqual(model.requests.length, answers)
      deepStrictEqual(
        (yield* page.texts).filter((text) => text.startsWith("Part")),
        numbers.map((number) => `Part ${number}.`),
      )
      deepStrictEqual(
        yield* calls,
        numbers.slice(0, -1).flatMap((number) => [`hang ${number}`, `hang ${number}`]),
      )
    }),
  )
})

const text = (id: string, content: string) => [
  AgentEvent.textStart(id),
  AgentEvent.textContent(id, content),
  AgentEvent.textEnd(id),
]

const called = (id: string, name: string) => [
  AgentEvent.toolCallStart(id, name),
  AgentEvent.toolCallArgs(id, '{"what":"it"}'),
]

/** The record of the first answer. */
const record = (continues: boolean, messages: ReadonlyArray<string>, calls: ReadonlyArray<string>) =>
  AgentEvent.custom("runlease.step", {
    step_id: "0".repeat(32),
    record_id: "record",
    name: "answer",
    key: 0,
    result: JSON.stringify({ continues }),
    messages,
    tool_calls: calls,
  })

const parameters = { what: Schema.String }
const toolkit = Toolkit.make(
  Tool.make("charge", { parameters, success: Schema.String }),
  Tool.make("deploy", { parameters, success: Schema.String })
    .annotate(AiTool.NeedsApproval, true)
    .annotate(AiTool.SideEffect, "idempotent"),
)
const handlers = toolkit.toLayer({
  charge: ({ what }) => Effect.succeed(`charged ${what}`),
  deploy: ({ what }) => Effect.succeed(`deployed ${what}`),
})

for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
  describe(`an attempt after one that died (${name})`, () => {
    /** An attempt leaves these events; a worker goes on, whose model says these turns. */
    const after = <A, E, R>(
      events: ReadonlyArray<AgentEvent.LogEvent>,
      turns: ReadonlyArray<ModelServer.Turn>,
      then: (found: {
        readonly runId: Parameters<typeof TestRuns.getRun>[0]
        readonly requests: ReadonlyArray<ModelServer.Request>
      }) => Effect.Effect<A, E, R>,
    ) =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn(...turns))
        const dead = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(dead, events)
        const leases = yield* Leases.Leases
        yield* leases.release(TestRuns.leaseOf(dead))
        yield* ModelWorkers.start(server, { toolkit })
        yield* then({ runId: dead.runId, requests: server.requests })
        const log = yield* TestRuns.eventsOf(dead.runId)
        const part = log.slice(log.findIndex(({ type }) => type === "RUN_FINISHED") + 1)
        deepStrictEqual(EventOrder.violations(part.length === 0 ? log : part, { ended: true }), [])
      }).pipe(Effect.provide(Layer.merge(handlers, controlPlane)))

    it.scopedLive("ends the run without a request when the last answer was recorded", () =>
      after(
        [...text("m1", "All done."), record(false, ["m1"], [])],
        [{ texts: ["Again."] }],
        ({ requests, runId }) =>
          Effect.map(ModelWorkers.untilStatus(runId, "completed"), () => strictEqual(requests.length, 0)),
      ),
    )

    it.scopedLive("has what was recorded in its request, and nothing of an answer that broke off", () =>
      after(
        [
          ...text("m1", "First."),
          ...called("c1", "charge"),
          record(true, ["m1"], ["c1"]),
          ...text("m2", "Broken"),
          ...called("c2", "charge"),
        ],
        [{ texts: ["Done."] }],
        ({ requests, runId }) =>
          Effect.map(ModelWorkers.untilStatus(runId, "completed"), () => {
            strictEqual(requests.length, 1)
            const request = JSON.stringify(requests[0]!.body)
            for (const part of ["First.", "c1", "charged it"]) assertTrue(request.includes(part), request)
            for (const part of ["Broken", "c2"]) assertTrue(!request.includes(part), request)
          }),
      ),
    )

    it.scopedLive("of a retry has the answers, the results and the approval of the run that failed", () =>
      Effect.gen(function* () {
        const made = yield* Ref.make<ReadonlyArray<string>>([])
        const isMended = yield* Ref.make(false)
        const note = (what: string) =>
          Effect.as(
            Ref.update(made, (all) => [...all, what]),
            `${what} it`,
          )
        const failing = toolkit.toLayer({
          charge: () => note("charged"),
          deploy: () =>
            Effect.flatMap(Ref.get(isMended), (is) => (is ? note("deployed") : Effect.dieMessage("broken"))),
        })
        const model = yield* ModelServer.make(
          ModelServer.inTurn(
            {
              texts: ["First."],
              calls: [
                { id: "c1", name: "charge", args: { what: "it" } },
                { id: "d1", name: "deploy", args: { what: "it" } },
              ],
            },
            { texts: ["Done."] },
          ),
        )
        yield* Effect.gen(function* () {
          const runs = yield* Runs.Runs
          yield* ModelWorkers.start(model, { toolkit })
          const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Go") })
          yield* ModelWorkers.untilStatus(runId, "waiting")
          yield* ModelWorkers.answer(runId, [
            { interruptId: "d1", status: "resolved", payload: { approved: true } },
          ])
          yield* ModelWorkers.untilStatus(runId, "failed")
          yield* Ref.set(isMended, true)
          const { run } = yield* runs.retry(runId)
          yield* ModelWorkers.untilStatus(run.runId, "completed")
          deepStrictEqual(yield* Ref.get(made), ["charged", "deployed"])
          strictEqual(model.requests.length, 2)
          const request = JSON.stringify(model.requests[1]!.body)
          for (const part of ["First.", "charged it", "deployed it"]) {
            strictEqual(request.split(part).length, 2, request)
          }
          const log = yield* TestRuns.eventsOf(run.runId)
          deepStrictEqual(EventOrder.violations(log, { ended: true }), [])
        }).pipe(Effect.provide(Layer.merge(failing, controlPlane)))
      }),
    )

    it.scopedLive("makes the calls of a recorded answer, and then waits for the approval of another", () =>
      after(
        [...called("c1", "charge"), ...called("d1", "deploy"), record(true, [], ["c1", "d1"])],
        [{ texts: ["Done."] }],
        ({ requests, runId }) =>
          Effect.gen(function* () {
            const { waiting } = yield* ModelWorkers.untilStatus(runId, "waiting")
            deepStrictEqual(
              waiting?.interrupts.map(({ toolCallId }) => toolCallId),
              ["d1"],
            )
            yield* ModelWorkers.answer(runId, [
              { interruptId: "d1", status: "resolved", payload: { approved: true } },
            ])
            yield* ModelWorkers.untilStatus(runId, "completed")
            strictEqual(requests.length, 1)
            const request = JSON.stringify(requests[0]!.body)
            for (const part of ["charged it", "deployed it"]) assertTrue(request.includes(part), request)
          }),
      ),
    )

    it.scopedLive("waits once for the approval of a call that the answer of an attempt that died has", () =>
      after(
        [...called("d1", "deploy"), record(true, [], ["d1"])],
        [{ texts: ["Done."] }],
        ({ requests, runId }) =>
          Effect.gen(function* () {
            yield* ModelWorkers.untilStatus(runId, "waiting")
            yield* ModelWorkers.answer(runId, [
              { interruptId: "d1", status: "resolved", payload: { approved: true } },
            ])
            yield* ModelWorkers.untilStatus(runId, "completed")
            strictEqual(requests.length, 1)
            assertTrue(JSON.stringify(requests[0]!.body).includes("deployed it"))
          }),
      ),
    )

    it.scopedLive("of a fork has the approval that its edit is, and waits for no other", () =>
      after(
        [...called("d1", "deploy"), record(true, [], ["d1"])],
        [{ texts: ["Done in the fork."] }],
        ({ requests, runId }) =>
          Effect.gen(function* () {
            const { latestEventId } = yield* ModelWorkers.untilStatus(runId, "waiting")
            const runs = yield* Runs.Runs
            const { run: forked } = yield* runs.fork(runId, {
              after: latestEventId,
              edits: [
                { type: "answer", interruptId: "d1", payload: { approved: false, reason: "Not today" } },
              ],
            })
            // The run that waits is before it in their lane.
            yield* runs.cancel(runId)
            yield* ModelWorkers.untilStatus(forked.runId, "completed")
            strictEqual(requests.length, 1)
            const request = JSON.stringify(requests[0]!.body)
            assertTrue(request.includes("Not today"), request)
            assertTrue(!request.includes("deployed it"), request)
          }),
      ),
    )

    it.scopedLive("of a fork has the edited result of a call and the edited text in its request", () =>
      after(
        [...text("m1", "First."), ...called("c1", "charge"), record(true, ["m1"], ["c1"])],
        [{ texts: ["Done."] }, { texts: ["Done in the fork."] }],
        ({ requests, runId }) =>
          Effect.gen(function* () {
            yield* ModelWorkers.untilStatus(runId, "completed")
            const log = yield* Effect.flatMap(RunLog.RunLog, (all) => all.read({ runId }))
            const recorded = log.find(({ event }) => event["name"] === "runlease.step")!
            const runs = yield* Runs.Runs
            const { run: forked } = yield* runs.fork(runId, {
              after: recorded.eventId,
              edits: [
                { type: "tool", toolCallId: "c1", result: { refunded: true } },
                { type: "text", messageId: "m1", text: "Edited." },
              ],
            })
            yield* ModelWorkers.untilStatus(forked.runId, "completed")
            strictEqual(requests.length, 2)
            const request = JSON.stringify(requests[1]!.body)
            for (const part of ["Edited.", "refunded"]) assertTrue(request.includes(part), request)
            for (const part of ["First.", "charged it"]) assertTrue(!request.includes(part), request)
          }),
      ),
    )

    it.scopedLive(
      "of a fork has what was recorded by its event in its request, and makes the calls after it anew",
      () =>
        after(
          [
            ...text("m1", "First."),
            ...called("c1", "charge"),
            record(true, ["m1"], ["c1"]),
            AgentEvent.toolCallEnd("c1"),
            AgentEvent.toolCallResult("r1", "c1", "charged before", { role: "tool" }),
            ...text("m2", "Second."),
          ],
          [{ texts: ["Done."] }, { texts: ["Done in the fork."] }],
          ({ requests, runId }) =>
            Effect.gen(function* () {
              yield* ModelWorkers.untilStatus(runId, "completed")
              const log = yield* Effect.flatMap(RunLog.RunLog, (all) => all.read({ runId }))
              const result = log.find(({ event }) => event.type === "TOOL_CALL_RESULT")!
              const runs = yield* Runs.Runs
              const whole = yield* runs.fork(runId, { after: result.eventId })
              yield* ModelWorkers.untilStatus(whole.run.runId, "completed")
              strictEqual(requests.length, 2)
              const request = JSON.stringify(requests[1]!.body)
              for (const part of ["First.", "c1", "charged before"])
                assertTrue(request.includes(part), request)
              for (const part of ["Second.", "charged it"]) assertTrue(!request.includes(part), request)
            }),
        ),
    )
  })
}
