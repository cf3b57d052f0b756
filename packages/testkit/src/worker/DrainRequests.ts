/**
 * Tests of a worker whose operator requests that it claims no more, and of what it says of itself.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Leases, Worker, WorkerEvent, WorkerMetadata, WorkerRegistry } from "@runlease/core"
import { Deferred, Effect, Option, Queue, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  type Declare,
  listen,
  run,
  start,
  submit,
  until,
  untilStatus,
  withoutAnswers,
} from "../TestWorker.js"

const drain = (worker: Worker.Worker["Type"], drains: boolean) =>
  Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) => registry.drain(worker.registered.id, drains))

/** The worker as the registry has it. */
const registered = (worker: Worker.Worker["Type"]) =>
  Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) =>
    Effect.map(registry.list(), ({ items }) => items.find(({ id }) => id === worker.registered.id)!),
  )

const untilEvent = (events: Queue.Dequeue<WorkerEvent.WorkerEvent>, tag: WorkerEvent.WorkerEvent["_tag"]) =>
  until(Queue.take(events), ({ _tag }) => _tag === tag)

export const tests = (test: Declare): void => {
  test.describe("a worker with a request to drain", () => {
    test.onEachStore(
      "finishes its runs and claims nothing, until the request is withdrawn",
      Effect.gen(function* () {
        const finish = yield* Deferred.make<void>()
        const worker = yield* start(
          Executor.from(() => Deferred.await(finish)),
          { concurrency: 3 },
        )
        const events = yield* listen(worker)
        const first = yield* submit()
        yield* untilEvent(events, "Claimed")

        yield* drain(worker, true)
        deepStrictEqual(
          yield* untilEvent(events, "DrainRequested"),
          WorkerEvent.DrainRequested({ requested: true, inFlight: 1 }),
        )
        yield* until(registered(worker), ({ status }) => status === "draining")
        const second = yield* submit()
        yield* TestClock.adjust("1 minute")
        yield* TestRuns.settle
        strictEqual((yield* run(second.runId)).status, "pending")
        strictEqual((yield* run(first.runId)).status, "running")
        yield* Deferred.succeed(finish, undefined)
        yield* untilStatus(first.runId, "completed")

        yield* drain(worker, false)
        deepStrictEqual(
          yield* untilEvent(events, "DrainRequested"),
          WorkerEvent.DrainRequested({ requested: false, inFlight: 0 }),
        )
        yield* untilStatus(second.runId, "completed")
        yield* until(registered(worker), ({ status }) => status === "active")
      }),
    )

    test(
      "hands back the runs of a claim whose answer is still on its way",
      Effect.gen(function* () {
        const worker = yield* start(Executor.from(() => Effect.void))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "running")
        yield* drain(worker, true)
        strictEqual((yield* untilStatus(runId, "pending")).attempt, 0)
      }),
      withoutAnswers,
    )

    test(
      "learns of the request by its heartbeat where it has no signals",
      Effect.gen(function* () {
        const worker = yield* start(
          Executor.from(() => Effect.void),
          { heartbeatInterval: "30 seconds" },
        )
        const events = yield* listen(worker)
        yield* drain(worker, true)
        yield* TestClock.adjust("30 seconds")
        yield* untilEvent(events, "DrainRequested")
        const { runId } = yield* submit()
        yield* TestClock.adjust("20 seconds")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "pending")
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, signals: () => Stream.never })),
    )
  })

  test.describe("the metadata of a worker", () => {
    test.onEachStore(
      "says its version, agents, slots and how many are in use, besides the metadata of the user",
      Effect.gen(function* () {
        const finish = yield* Deferred.make<void>()
        const form = { type: "object", properties: { topic: { type: "string" } } }
        const worker = yield* start(
          Executor.from(() => Deferred.await(finish)),
          {
            agentIds: ["agent"],
            concurrency: 3,
            version: "1.2.3",
            forms: { agent: form },
            metadata: { region: "eu" },
            heartbeatInterval: "30 seconds",
          },
        )
        const metadata = {
          version: "1.2.3",
          agents: ["agent"],
          slots: 3,
          in_use: 0,
          heartbeat_ms: 30_000,
          forms: { agent: form },
        }
        deepStrictEqual((yield* registered(worker)).metadata, {
          agent_ids: ["agent"],
          region: "eu",
          runlease: metadata,
        })
        const events = yield* listen(worker)
        const { runId } = yield* submit()
        yield* untilEvent(events, "Claimed")
        yield* TestClock.adjust("30 seconds")
        const busy = yield* until(registered(worker), ({ metadata }) =>
          Option.exists(WorkerMetadata.of(metadata), ({ in_use }) => in_use === 1),
        )
        deepStrictEqual(busy.metadata, {
          agent_ids: ["agent"],
          region: "eu",
          runlease: { ...metadata, in_use: 1 },
        })
        yield* Deferred.succeed(finish, undefined)
        yield* untilStatus(runId, "completed")
      }),
    )
  })
}
