/** Tests of leases: renewal, loss, the deadline that an executor can follow, and cancellation while a worker holds the run. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  ControlPlaneError,
  Executor,
  Leases,
  Runs,
  WorkerMetadata,
  WorkerRegistry,
} from "@runlease/core"
import { LeaseDeadline } from "@runlease/core/executor"
import * as Lease from "@runlease/core/Lease"
import {
  Clock,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Queue,
  Scope,
  Stream,
  TestClock,
} from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  claimOnce,
  type Declare,
  listen,
  log,
  makeEndless,
  run,
  start,
  submit,
  unavailable,
  until,
  untilRenewed,
} from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("leases", () => {
    const renewals: Array<number> = []
    test.onEachStore(
      "are all renewed in one request at a third of their length",
      Effect.gen(function* () {
        renewals.length = 0
        const endless = yield* makeEndless
        yield* start(endless.execute, { concurrency: 40 })
        yield* Effect.replicateEffect(submit(), 40)
        yield* Queue.takeN(endless.started, 40)
        yield* TestClock.adjust(Duration.seconds(10))
        yield* until(
          Effect.sync(() => renewals.length),
          (count) => count === 1,
        )
        yield* TestClock.adjust(Duration.seconds(10))
        yield* until(
          Effect.sync(() => renewals.length),
          (count) => count === 2,
        )
        deepStrictEqual(renewals, [40, 40])
        strictEqual(yield* Queue.size(endless.finalized), 0)
      }),
      Faults.over(Leases.Leases, (leases) => ({
        ...leases,
        // Counted after the answer, since the next renewal is due a third of the lease after it.
        renew: (request) =>
          Effect.tap(leases.renew(request), () => Effect.sync(() => renewals.push(request.leases.length))),
      })),
    )

    test(
      "are renewed for many times their length",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start(endless.execute)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        yield* Effect.repeatN(
          Effect.zipRight(TestClock.adjust("5 seconds"), untilRenewed(runId, "15 seconds")),
          24,
        )
        const current = yield* run(runId)
        strictEqual(current.status, "running")
        strictEqual(current.attempt, 1)
        strictEqual(yield* Queue.size(endless.finalized), 0)
      }),
    )

    test.onEachStore(
      "count from when the run was claimed, however long the claim had waited for it",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start(endless.execute, { leaseDuration: "5 seconds", claimWait: "20 seconds" })
        // In steps, so that a claim that waits in the control plane looks again in between.
        yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), TestRuns.settle), 7)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        yield* Effect.repeatN(
          Effect.zipRight(TestClock.adjust("1 second"), untilRenewed(runId, "2 seconds")),
          12,
        )
        const current = yield* run(runId)
        strictEqual(current.status, "running")
        strictEqual(current.attempt, 1)
        strictEqual(yield* Queue.size(endless.finalized), 0)
      }),
    )

    test.onEachStore(
      "end in the worker before they end in the store when they cannot be renewed, and nothing more is written",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const worker = yield* start(endless.execute)
        const events = yield* listen(worker)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const before = yield* run(runId)
        yield* TestClock.adjust(Duration.seconds(29))
        yield* Queue.take(endless.finalized)
        const ended = yield* until(Queue.take(events), (event) => event._tag === "LeaseEnded")
        assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Expired")
        const after = yield* run(runId)
        strictEqual(after.status, "running")
        strictEqual(after.latestEventId, before.latestEventId)

        // The registry learns of the loss with the next heartbeat.
        const registry = yield* WorkerRegistry.WorkerRegistry
        yield* TestClock.adjust("30 seconds")
        const [loss] = yield* until(
          Effect.map(registry.list(), ({ items: [item] }) =>
            Option.match(WorkerMetadata.of(item?.metadata), {
              onNone: () => [],
              onSome: ({ losses = [] }) => losses,
            }),
          ),
          (losses) => losses.length > 0,
        )
        const { failed_renewals, failure, lease_epoch, reason, run_id } = loss!
        deepStrictEqual([run_id, lease_epoch, reason], [runId, 1, "expired"])
        assertTrue(failed_renewals > 0 && failure !== null && failure.length > 0)
      }),
      Faults.over(Leases.Leases, (leases) => ({
        ...leases,
        renew: () => Effect.fail(unavailable("Leases.renew")),
      })),
    )

    test(
      "end by the local deadline when a renewal has no answer",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start(endless.execute)
        yield* submit()
        yield* Queue.take(endless.started)
        yield* TestClock.adjust(Duration.seconds(29))
        yield* Queue.take(endless.finalized)
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, renew: () => Effect.never })),
    )

    test.onEachStore(
      "that lapse leave the run to another worker, and the first cannot write to it any more",
      Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const stale = yield* Scope.make()
        const finalized = yield* Deferred.make<void>()
        yield* start(
          () =>
            Stream.make(AgentEvent.textStart("first")).pipe(
              Stream.concat(
                Stream.execute(Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)),
              ),
              Stream.ensuring(Deferred.succeed(finalized, undefined)),
            ),
          { leaseDuration: "5 seconds" },
        ).pipe(
          Effect.provide(
            Layer.effect(
              Leases.Leases,
              Effect.map(Leases.Leases, (leases) => ({ ...leases, renew: () => Effect.never })),
            ),
          ),
          Effect.provide(claimOnce),
          Scope.extend(stale),
        )
        const { runId } = yield* submit()
        yield* Deferred.await(reached)
        yield* until(run(runId), (current) => current.latestSequence === 1)
        yield* TestClock.adjust("5 seconds")
        yield* Deferred.await(finalized)
        yield* Scope.close(stale, Exit.void)
        yield* start(Executor.from(() => Effect.succeed("second")))
        yield* until(
          Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
          (current) => current.status === "completed",
        )
        const events = yield* log(runId)
        deepStrictEqual(
          events.map((event) => event.type),
          [
            "RUN_STARTED",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_END",
            "CUSTOM",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_END",
            "RUN_FINISHED",
          ],
        )
      }),
    )
  })

  test.describe("a worker that the control plane refuses", () => {
    const refused = (operation: string) =>
      new ControlPlaneError.ControlPlaneRefused({ operation, message: "The token was revoked" })

    test(
      "fails, also when it is too busy to claim",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const worker = yield* start(endless.execute, { concurrency: 1 })
        yield* submit()
        yield* Queue.take(endless.started)
        const failed = yield* Effect.forkScoped(worker.failed)
        yield* TestClock.adjust("30 seconds")
        const error = yield* Effect.flip(Fiber.join(failed))
        strictEqual(error.message, "The token was revoked")
      }),
      Faults.over(WorkerRegistry.WorkerRegistry, (registry) => ({
        ...registry,
        heartbeat: () => Effect.fail(refused("WorkerRegistry.heartbeat")),
      })),
    )

    let renewals = 0
    test(
      "does not repeat a renewal before the next is due",
      Effect.gen(function* () {
        renewals = 0
        const endless = yield* makeEndless
        yield* start(endless.execute, { concurrency: 1 })
        yield* submit()
        yield* Queue.take(endless.started)
        yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), TestRuns.settle), 14)
        strictEqual(renewals, 1)
      }),
      Faults.over(Leases.Leases, (leases) => ({
        ...leases,
        renew: () =>
          Effect.suspend(() => {
            renewals += 1
            return Effect.fail(refused("Leases.renew"))
          }),
      })),
    )
  })

  test.describe("a lease without a worker", () => {
    test(
      "is renewed while its Scope is open, and interrupts the guarded effect when the run is cancelled",
      Effect.gen(function* () {
        const workerId = yield* TestRuns.register()
        const claimed = yield* TestRuns.hold(workerId)
        const sentAt = yield* Clock.currentTimeNanos
        const lease = yield* Lease.hold(claimed, { workerId, leaseDuration: "30 seconds", sentAt })
        const guarded = yield* Effect.fork(Effect.flip(lease.guard(Effect.never)))
        yield* Effect.repeatN(
          Effect.zipRight(TestClock.adjust("10 seconds"), untilRenewed(claimed.runId, "25 seconds")),
          8,
        )
        strictEqual((yield* run(claimed.runId)).attempt, 1)
        strictEqual(guarded.unsafePoll(), null)
        const runs = yield* Runs.Runs
        yield* runs.cancel(claimed.runId)
        yield* TestClock.adjust("10 seconds")
        strictEqual((yield* Fiber.join(guarded)).reason, "Cancelled")
      }),
    )
  })

  test.describe("the deadline of a lease", () => {
    test(
      "reaches the executor, and again with each renewal",
      Effect.gen(function* () {
        const deadlines = yield* Queue.unbounded<LeaseDeadline.Deadline>()
        yield* start(
          Executor.from(() =>
            Stream.runForEach(LeaseDeadline.changes, (deadline) => Queue.offer(deadlines, deadline)),
          ),
        )
        const began = yield* Clock.currentTimeNanos
        yield* submit()
        const first = yield* Queue.take(deadlines)
        strictEqual(first.endsAt - first.stopsAt, 2_000_000_000n)
        strictEqual(first.endsAt, began + 30_000_000_000n)
        for (const endsAt of [40_000_000_000n, 50_000_000_000n]) {
          yield* TestClock.adjust("10 seconds")
          yield* until(Queue.size(deadlines), (size) => size > 0)
          const renewed = yield* Queue.take(deadlines)
          assertTrue(renewed.endsAt >= began + endsAt, `${renewed.endsAt}`)
          strictEqual(renewed.endsAt - renewed.stopsAt, 2_000_000_000n)
        }
      }),
    )
  })

  test.describe("a cancelled run", () => {
    test.onEachStore(
      "interrupts its executor by a signal, without waiting for a renewal",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const worker = yield* start(endless.execute)
        const events = yield* listen(worker)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        yield* Queue.take(endless.finalized)
        const ended = yield* until(Queue.take(events), (event) => event._tag === "LeaseEnded")
        assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Cancelled")
        strictEqual((yield* run(runId)).status, "cancelled")
      }),
    )

    test.onEachStore(
      "interrupts its executor at the next renewal when there are no signals",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start(endless.execute)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        strictEqual(yield* Queue.size(endless.finalized), 0)
        yield* TestClock.adjust(Duration.seconds(10))
        yield* Queue.take(endless.finalized)
        deepStrictEqual((yield* log(runId)).at(-1)?.["outcome"], { type: "cancelled" })
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, signals: () => Stream.never })),
    )

    test(
      "leaves the worker after the grace when a finalizer hangs",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const hung = yield* Deferred.make<void>()
        const worker = yield* start(
          () =>
            Stream.execute(Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)).pipe(
              Stream.ensuring(Effect.zipRight(Deferred.succeed(hung, undefined), Effect.never)),
            ),
          { interruptGrace: "5 seconds", concurrency: 1 },
        )
        const { runId } = yield* submit()
        yield* Deferred.await(started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        yield* Deferred.await(hung)
        strictEqual((yield* worker.inFlight).length, 1)
        yield* TestClock.adjust("5 seconds")
        yield* until(worker.inFlight, ({ length }) => length === 0)
      }),
    )
  })

  test.describe("a run that reaches its timeout", () => {
    for (const [how, wait, layer] of [
      ["by a signal", 0, undefined],
      [
        "at the next renewal when there are no signals",
        10,
        Faults.over(Leases.Leases, (leases) => ({ ...leases, signals: () => Stream.never })),
      ],
    ] as const) {
      test(
        `interrupts its executor ${how}`,
        Effect.gen(function* () {
          const endless = yield* makeEndless
          const worker = yield* start(endless.execute)
          const events = yield* listen(worker)
          const { runId } = yield* submit({ timeoutSeconds: 25 })
          yield* Queue.take(endless.started)
          yield* TestClock.adjust(Duration.seconds(24))
          strictEqual(yield* Queue.size(endless.finalized), 0)
          yield* TestRuns.eventually(run(runId), ({ status }) => status === "failed", { step: "500 millis" })
          yield* TestClock.adjust(Duration.seconds(wait))
          yield* Queue.take(endless.finalized)
          const ended = yield* until(Queue.take(events), (event) => event._tag === "LeaseEnded")
          assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Cancelled")
          const { error } = yield* run(runId)
          strictEqual(error?.code, "TIMEOUT")
          strictEqual((yield* log(runId)).at(-1)?.["code"], "TIMEOUT")
        }),
        layer,
      )
    }
  })
}
