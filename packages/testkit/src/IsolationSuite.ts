/** Isolation of projects: the data of one project does not exist in another. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core/Access"
import * as AgentEvent from "@runlease/core/AgentEvent"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import { Leases, type LeaseSignal } from "@runlease/core/Leases"
import { EventId } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, Fiber, type Layer, Queue, Record, Stream } from "effect"
import * as TestRuns from "./TestRuns.js"

/** Runs `effect` in another project than the layer's. */
const elsewhere = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const access = yield* Access
    const controlPlane = yield* ControlPlane
    const project = yield* access
      .createProject("elsewhere")
      .pipe(Effect.catchTag("ProjectExists", () => access.getProject("elsewhere")))
    return yield* Effect.provide(effect, controlPlane.project(project.id))
  })

/** Declares the tests of the isolation of projects and of `ControlPlane.ready`. */
export const suite = (
  name: string,
  layer: Layer.Layer<StorePorts | ControlPlane | Access, unknown>,
): void => {
  const test = TestRuns.tester(layer)

  describe(`ControlPlane (${name})`, () => {
    test(
      "is ready",
      Effect.flatMap(ControlPlane, (controlPlane) => controlPlane.ready),
    )

    test(
      "a project's runs, workers and conversations do not exist in another",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const claimed = yield* TestRuns.hold(worker)
        yield* TestRuns.submit()
        const lease = TestRuns.leaseOf(claimed)
        const { runId, conversationId } = claimed
        const verdicts = yield* elsewhere(
          Effect.gen(function* () {
            const runs = yield* Runs
            const log = yield* RunLog
            const leases = yield* Leases
            const registry = yield* WorkerRegistry
            const conversations = yield* Conversations
            deepStrictEqual((yield* runs.list()).items, [])
            deepStrictEqual((yield* registry.list()).items, [])
            deepStrictEqual(
              yield* leases.renew({
                workerId: worker,
                leases: [lease],
                leaseDuration: TestRuns.leaseDuration,
              }),
              [{ _tag: "Lost" as const, runId }],
            )
            return yield* Effect.all([
              TestRuns.verdictOf(runs.get(runId)),
              TestRuns.verdictOf(runs.snapshot(runId)),
              TestRuns.verdictOf(runs.cancel(runId)),
              TestRuns.verdictOf(runs.retry(runId)),
              TestRuns.verdictOf(runs.fork(runId, { after: EventId.make(1) })),
              TestRuns.verdictOf(runs.tell(runId, { parts: [] })),
              TestRuns.verdictOf(runs.complete(runId, { status: "completed" })),
              TestRuns.verdictOf(runs.resume(runId, TestRuns.resultOf("call", 1))),
              TestRuns.verdictOf(runs.recordSession(lease, { sessionKey: "s" })),
              TestRuns.verdictOf(log.append({ runId, events: [AgentEvent.custom("x", 1)] })),
              TestRuns.verdictOf(log.read({ runId })),
              TestRuns.verdictOf(Stream.runDrain(log.follow({ runId }))),
              TestRuns.verdictOf(leases.release(lease)),
              TestRuns.verdictOf(leases.suspend(lease, TestRuns.forToolCall())),
              TestRuns.verdictOf(
                leases.spawn(lease, {
                  stepId: "step",
                  name: "step",
                  submission: { agentId: "agent", publicId: "child" },
                }),
              ),
              TestRuns.verdictOf(leases.appendBeside(lease, [AgentEvent.custom("x", 1)])),
              TestRuns.verdictOf(leases.callback(lease, { question: "paid" })),
              TestRuns.verdictOf(leases.tell(lease, { parts: [] })),
              TestRuns.verdictOf(registry.heartbeat(worker)),
              TestRuns.verdictOf(TestRuns.claim(worker)),
              TestRuns.verdictOf(conversations.get(conversationId)),
              TestRuns.verdictOf(runs.submit(TestRuns.submission({ conversationId }))),
              TestRuns.verdictOf(runs.submit(TestRuns.submission({ parentRunId: runId }))),
            ])
          }),
        )
        deepStrictEqual(verdicts, [
          ...Array.from({ length: 18 }, () => "RunNotFound"),
          "WorkerNotFound",
          "WorkerNotFound",
          "ConversationNotFound",
          "ConversationNotFound",
          "RunNotFound",
        ])
        strictEqual((yield* TestRuns.getRun(runId)).status, "running")
      }),
    )

    test(
      "another project's runs, leases and workers are in no summary",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.hold(worker, { publicId: "waits" })
        yield* leases.suspend(TestRuns.leaseOf(waiting), TestRuns.forToolCall())
        yield* TestRuns.hold(worker)
        yield* TestRuns.lapse
        yield* TestRuns.claimOne(worker)
        yield* TestRuns.submit()
        const look = Effect.gen(function* () {
          const summaries = yield* Summaries
          const { oldestPending, waits } = yield* summaries.attention()
          const { items } = yield* summaries.runs({ text: "waits" })
          return {
            runs: (yield* summaries.runs()).items.length,
            waiting: (yield* summaries.runs({ status: "waiting" })).items.length,
            found: items.length,
            held: (yield* summaries.held(worker)).length,
            lost: (yield* summaries.lost("1 hour")).length,
            workers: (yield* summaries.workers()).items.length,
            asking: waits.length,
            pending: oldestPending === null ? 0 : 1,
            run: yield* TestRuns.verdictOf(summaries.run(waiting.runId)),
          }
        })
        const all = { runs: 3, waiting: 1, found: 1, held: 1, lost: 1, workers: 1, asking: 1, pending: 1 }
        deepStrictEqual(yield* look, { ...all, run: "Succeeded" })
        deepStrictEqual(yield* elsewhere(look), {
          ...Record.map(all, () => 0),
          run: "RunNotFound",
        })
      }),
    )

    test(
      "a worker claims runs of its project only, and two projects may use one public id or lane",
      Effect.gen(function* () {
        const request = { publicId: "same", concurrencyKey: "lane" }
        const here = yield* TestRuns.submit(request)
        const there = yield* elsewhere(TestRuns.submit(request))
        strictEqual(here.runId, there.runId)
        strictEqual(here.projectId === there.projectId, false)
        const worker = yield* TestRuns.register()
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(
          claimed.map((run) => run.projectId),
          [here.projectId],
        )
        const other = yield* elsewhere(TestRuns.register())
        strictEqual(other === worker, false)
        strictEqual((yield* elsewhere(TestRuns.claimOne(other))).projectId, there.projectId)
      }),
    )

    test(
      "a project hears no signals of a worker of another",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const run = yield* TestRuns.hold(worker)
        const listen = Effect.gen(function* () {
          const leases = yield* Leases
          const signals = yield* Queue.unbounded<LeaseSignal>()
          yield* TestRuns.start(
            Stream.runForEach(leases.signals(worker), (signal) => Queue.offer(signals, signal)),
          )
          return signals
        })
        const there = yield* elsewhere(listen)
        const here = yield* listen
        yield* Effect.flatMap(Runs, (runs) => runs.cancel(run.runId))
        deepStrictEqual(yield* Queue.take(here), { _tag: "Cancelled", runId: run.runId })
        yield* TestRuns.settle
        strictEqual(yield* Queue.size(there), 0)
      }),
    )

    test(
      "a run of one project does not end the wait of a worker of another",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.start(TestRuns.claim(worker, { wait: "20 seconds" }))
        yield* elsewhere(TestRuns.submit())
        const { runId } = yield* TestRuns.submit()
        strictEqual((yield* Fiber.join(waiting))[0]?.runId, runId)
      }),
    )
  })
}
