/** Tests of a worker that drains, by itself or by request of its operator, and of what it still writes. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Claims,
  Executor,
  Leases,
  Step,
  Worker,
  WorkerEvent,
  WorkerMetadata,
  WorkerRegistry,
} from "@runlease/core"
import { Deferred, Effect, Exit, Fiber, Option, Queue, Scope, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  type Declare,
  lease,
  listen,
  makeEndless,
  run,
  start,
  submit,
  unavailable,
  until,
  untilStatus,
  withoutAnswers,
} from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("a worker that is observed", () => {
    test(
      "has a stream of its runs, now and after each change",
      Effect.gen(function* () {
        const finish = yield* Deferred.make<void>()
        const worker = yield* start(Executor.from(() => Deferred.await(finish)))
        const counts = yield* Queue.unbounded<number>()
        yield* Worker.inFlight.pipe(
          Stream.runForEach((runs) => Queue.offer(counts, runs.length)),
          Effect.provideService(Worker.Worker, worker),
          Effect.forkScoped,
        )
        strictEqual(yield* Queue.take(counts), 0)
        const { runId } = yield* submit()
        yield* until(Queue.take(counts), (count) => count === 1)
        yield* Deferred.succeed(finish, undefined)
        yield* until(Queue.take(counts), (count) => count === 0)
        strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
      }),
    )
  })

  test.describe("a drain", () => {
    test(
      "lets runs finish in time, and claims no more",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        yield* start(
          Executor.from(() => Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(finish))),
          { concurrency: 2, drainTimeout: "10 seconds" },
        ).pipe(Scope.extend(scope))
        const first = yield* submit()
        yield* Deferred.await(started)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* Effect.yieldNow()
        const second = yield* submit()
        yield* TestClock.adjust("3 seconds")
        strictEqual(closing.unsafePoll(), null)
        yield* Deferred.succeed(finish, undefined)
        yield* Fiber.join(closing)
        strictEqual((yield* run(first.runId)).status, "completed")
        strictEqual((yield* run(second.runId)).status, "pending")
      }),
    )

    test(
      "starts when the fiber that runs the worker is interrupted, as by a signal to the process",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const running = yield* Worker.run({ leaseDuration: lease, drainTimeout: "10 seconds" }).pipe(
          Effect.provide(Executor.layerWith(endless.execute)),
          Effect.fork,
        )
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const interrupting = yield* Effect.fork(Fiber.interrupt(running))
        yield* TestRuns.settle
        strictEqual(yield* Queue.size(endless.finalized), 0)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(interrupting)
        strictEqual(yield* Queue.size(endless.finalized), 1)
        const back = yield* run(runId)
        strictEqual(back.status, "pending")
        strictEqual(back.attempt, 0)
      }),
    )

    test.onEachStore(
      "hands back at once the runs that do not finish, with their attempts not counted",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        const worker = yield* start(endless.execute, { drainTimeout: "10 seconds" }).pipe(Scope.extend(scope))
        const events = yield* Effect.fork(Stream.runCollect(worker.events))
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* Effect.yieldNow()
        yield* TestClock.adjust("9 seconds")
        strictEqual((yield* run(runId)).status, "running")
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        deepStrictEqual(Array.from(yield* Fiber.join(events), (event) => event._tag).slice(-2), [
          "Draining",
          "Released",
        ])
        strictEqual(yield* Queue.size(endless.finalized), 1)
        const back = yield* run(runId)
        strictEqual(back.status, "pending")
        strictEqual(back.attempt, 0)
        yield* start(Executor.from(() => Effect.succeed("done")))
        strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
      }),
    )

    test(
      "ends when the control plane does not answer the write of an outcome",
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const executed = yield* Deferred.make<void>()
        const worker = yield* start(
          Executor.from(() => Deferred.succeed(executed, undefined).pipe(Effect.asVoid)),
          {
            drainTimeout: "10 seconds",
            interruptGrace: "5 seconds",
          },
        ).pipe(Scope.extend(scope))
        const events = yield* Effect.fork(Stream.runCollect(worker.events))
        const { runId } = yield* submit()
        yield* Deferred.await(executed)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        strictEqual(closing.unsafePoll(), null)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        const last = Array.from(yield* Fiber.join(events)).at(-1)
        strictEqual(last?._tag === "LeaseEnded" && last.reason, "Drained")
        strictEqual((yield* run(runId)).status, "running")
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, complete: () => Effect.never })),
    )

    test(
      "ends when an executor ignores its interruption, and hands its run back",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        const stubborn = Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(finish))
        yield* Effect.gen(function* () {
          yield* start(() => Stream.execute(Effect.uninterruptible(stubborn)), {
            drainTimeout: "10 seconds",
            interruptGrace: "5 seconds",
          }).pipe(Scope.extend(scope))
          const { runId } = yield* submit()
          yield* Deferred.await(started)
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* TestRuns.settle
          yield* TestClock.adjust("10 seconds")
          yield* TestRuns.settle
          strictEqual(closing.unsafePoll(), null)
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.join(closing)
          const back = yield* run(runId)
          strictEqual(back.status, "pending")
          strictEqual(back.attempt, 0)
        }).pipe(Effect.ensuring(Deferred.succeed(finish, undefined)))
      }),
    )

    test.onEachStore(
      "hands back the runs of a claim whose answer is still on its way",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        yield* start(endless.execute).pipe(Scope.extend(scope))
        const first = yield* submit()
        const second = yield* submit()
        yield* untilStatus(first.runId, "running")
        yield* Scope.close(scope, Exit.void)
        for (const { runId } of [first, second]) {
          const back = yield* run(runId)
          strictEqual(back.status, "pending")
          strictEqual(back.attempt, 0)
        }
        strictEqual(yield* Queue.size(endless.started), 0)
      }),
      withoutAnswers,
    )

    test(
      "hands back the runs of a claim whose answer was lost",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        yield* start(endless.execute).pipe(Scope.extend(scope))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "running")
        yield* Scope.close(scope, Exit.void)
        const back = yield* run(runId)
        strictEqual(back.status, "pending")
        strictEqual(back.attempt, 0)
      }),
      Faults.over(Claims.Claims, (claims) => ({
        claim: (request) =>
          Effect.filterOrFail(
            claims.claim(request),
            (runs) => runs.length === 0 || request.limit === 0,
            () => unavailable("Claims.claim"),
          ),
      })),
    )

    const written = Effect.unsafeMakeLatch(false)
    test(
      "ends when the write of an outcome ignores its interruption",
      Effect.gen(function* () {
        yield* written.close
        const executed = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        yield* start(
          Executor.from(() => Effect.asVoid(Deferred.succeed(executed, undefined))),
          { drainTimeout: "10 seconds", interruptGrace: "5 seconds" },
        ).pipe(Scope.extend(scope))
        const { runId } = yield* submit()
        yield* Deferred.await(executed)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        yield* TestClock.adjust("11 seconds")
        yield* TestRuns.settle
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        strictEqual((yield* run(runId)).status, "running")
      }).pipe(Effect.ensuring(written.open)),
      Faults.over(Leases.Leases, (leases) => ({
        ...leases,
        complete: (...ended) =>
          Effect.zipRight(Effect.uninterruptible(written.await), leases.complete(...ended)),
      })),
    )
  })

  test.describe("a lease", () => {
    test(
      "is not lost where a renewal overtakes the answer to the end of the run",
      Effect.gen(function* () {
        const worker = yield* start(Executor.from(() => Effect.succeed("done")))
        const events = yield* listen(worker)
        const { runId } = yield* submit()
        yield* until(run(runId), ({ status }) => status === "completed")
        yield* TestClock.adjust("10 seconds")
        const end = yield* until(Queue.take(events), ({ _tag }) => _tag === "Ended" || _tag === "LeaseEnded")
        strictEqual(end._tag, "Ended")
      }),
      Faults.over(Leases.Leases, (leases) => {
        const answered = Effect.unsafeMakeLatch(false)
        return {
          ...leases,
          complete: (...request) => Effect.zipLeft(leases.complete(...request), answered.await),
          renew: (request) =>
            Effect.tap(leases.renew(request), (answers) =>
              answers.some(({ _tag }) => _tag === "Lost") ? answered.open : Effect.void,
            ),
        }
      }),
    )
  })

  test.describe("a drain", () => {
    /** A run of two bodies that happen at most once, of which the first has begun when a drain begins. */
    const drained = (until: (finish: Deferred.Deferred<void>) => Effect.Effect<unknown>) =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const bodies: Array<string> = []
        const body = (name: string, wait: Effect.Effect<unknown>) =>
          Step.atMostOnce(
            name,
            Effect.zipRight(
              Effect.sync(() => bodies.push(name)),
              Effect.asVoid(wait),
            ),
          )
        const executor = Executor.from(() =>
          Effect.zipRight(
            body("first", Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(finish))),
            body("second", Effect.void),
          ),
        )
        const scope = yield* Scope.make()
        yield* start(executor, { drainTimeout: "10 seconds", interruptGrace: "5 seconds" }).pipe(
          Scope.extend(scope),
        )
        const { runId } = yield* submit()
        yield* Deferred.await(begun)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        strictEqual(closing.unsafePoll(), null)
        yield* until(finish)
        yield* Fiber.join(closing)
        strictEqual((yield* run(runId)).status, "pending")
        deepStrictEqual(bodies, ["first"])
        yield* start(executor)
        return { bodies, runId }
      })

    test(
      "lets a body that happens at most once finish within the grace, and begins no other",
      Effect.gen(function* () {
        const { bodies, runId } = yield* drained((finish) => Deferred.succeed(finish, undefined))
        yield* untilStatus(runId, "completed")
        deepStrictEqual(bodies, ["first", "second"])
      }),
    )

    test(
      "interrupts a body that happens at most once after the grace, so that it is uncertain",
      Effect.gen(function* () {
        const { bodies, runId } = yield* drained(() => TestClock.adjust("5 seconds"))
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "step_uncertain")
        deepStrictEqual(bodies, ["first"])
      }),
    )
  })

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

const drain = (worker: Worker.Worker["Type"], drains: boolean) =>
  Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) => registry.drain(worker.registered.id, drains))

const registered = (worker: Worker.Worker["Type"]) =>
  Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) =>
    Effect.map(registry.list(), ({ items }) => items.find(({ id }) => id === worker.registered.id)!),
  )

const untilEvent = (events: Queue.Dequeue<WorkerEvent.WorkerEvent>, tag: WorkerEvent.WorkerEvent["_tag"]) =>
  until(Queue.take(events), ({ _tag }) => _tag === tag)
