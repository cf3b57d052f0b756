/**
 * The worker's suite: what it does with the runs it holds, over any control plane.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  Claims,
  type ControlPlane,
  ControlPlaneUnavailable,
  Executor,
  Executors,
  Leases,
  RequestSnapshot,
  type Run,
  RunLog,
  Runs,
  Worker,
  type WorkerEvent,
  type WorkerOptions,
} from "@runlease/core"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Queue, Ref, Scope, Stream, TestClock } from "effect"
import * as Faults from "./Faults.js"
import * as TestRuns from "./TestRuns.js"

type Ports = ControlPlane.ProjectPorts

const lease = Duration.seconds(30)

/** Waits for a state by looking: every look is a port call, which lets everything else go on. */
const until = <A, E, R>(effect: Effect.Effect<A, E, R>, is: (a: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.repeat(Effect.zipLeft(effect, Effect.yieldNow()), { until: is, times: 20_000 })

const run = TestRuns.getRun

const untilStatus = (runId: Run.Run["runId"], status: Run.RunStatus) =>
  until(run(runId), (current) => current.status === status)

const log = (runId: Run.Run["runId"]) => TestRuns.eventsOf(runId)

const submit = (input: Partial<Runs.SubmissionInput> = {}) =>
  TestRuns.submit({ snapshot: RequestSnapshot.fromText("hi"), ...input })

/** A worker with this executor, in the test's scope; at its end it waits for nothing, since no time passes then. */
const start = <R>(execute: Executors.ExecuteWith<R>, options: WorkerOptions.WorkerOptions = {}) =>
  Worker.make({ leaseDuration: lease, drainTimeout: 0, ...options }).pipe(
    Effect.provide(Executors.layerWith(execute)),
  )

/** An executor that says when it started and when its finalizer ran, and never ends by itself. */
const makeEndless = Effect.gen(function* () {
  const started = yield* Queue.unbounded<Run.ClaimedRun>()
  const finalized = yield* Queue.unbounded<Run.ClaimedRun>()
  const execute: Executor.Execute = (claimed) =>
    Stream.scoped(
      Effect.acquireRelease(Queue.offer(started, claimed), () => Queue.offer(finalized, claimed)),
    ).pipe(Stream.flatMap(() => Stream.never))
  return { execute, started, finalized }
})

const unavailable = (operation: string) =>
  new ControlPlaneUnavailable.ControlPlaneUnavailable({ operation, message: "unplugged" })

/** Claims that give a first answer and no second. */
const claimOnce = Layer.effect(
  Claims.Claims,
  Effect.gen(function* () {
    const claims = yield* Claims.Claims
    const turn = yield* Effect.makeSemaphore(1)
    return {
      claim: (request: Claims.ClaimRequest) => Effect.zipRight(turn.take(1), claims.claim(request)),
    }
  }),
)

/** The events of a worker from now on, in a queue. */
const listen = (worker: Worker.Worker["Type"]) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<WorkerEvent.WorkerEvent>()
    yield* Effect.forkScoped(Stream.runForEach(worker.events, (event) => Queue.offer(queue, event)))
    yield* Effect.yieldNow()
    return queue
  })

/**
 * Runs the suite over a layer of the project ports, made anew for each test and driven by the test's clock.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<Ports, unknown>) => {
  const test = <A, E>(
    title: string,
    effect: Effect.Effect<A, E, Ports | Scope.Scope>,
    change: (ports: Layer.Layer<Ports, unknown>) => Layer.Layer<Ports, unknown> = (ports) => ports,
  ) => TestRuns.tester(change(layer))(title, effect)

  describe(`Worker over ${name}`, () => {
    describe("an execution that ends by itself", () => {
      test(
        "completes the run, with a log that opens and closes",
        Effect.gen(function* () {
          yield* start(Executors.make(() => Effect.succeed("hello")))
          const { runId } = yield* submit()
          const done = yield* untilStatus(runId, "completed")
          strictEqual(done.attempt, 1)
          deepStrictEqual(
            (yield* log(runId)).map((event) => event.type),
            ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"],
          )
        }),
      )

      test(
        "works on no more runs at once than it has slots, and on all of them in the end",
        Effect.gen(function* () {
          const now = yield* Ref.make(0)
          const most = yield* Ref.make(0)
          const gate = yield* Queue.unbounded<void>()
          yield* start(
            Executors.make(() =>
              Effect.gen(function* () {
                const running = yield* Ref.updateAndGet(now, (n) => n + 1)
                yield* Ref.update(most, (n) => Math.max(n, running))
                yield* Queue.take(gate)
                yield* Ref.update(now, (n) => n - 1)
              }),
            ),
            { concurrency: 3 },
          )
          const submitted = yield* Effect.replicateEffect(submit(), 8)
          yield* until(Ref.get(now), (n) => n === 3)
          yield* Effect.replicateEffect(Queue.offer(gate, undefined), 8)
          yield* Effect.forEach(submitted, ({ runId }) => untilStatus(runId, "completed"))
          strictEqual(yield* Ref.get(most), 3)
        }),
      )

      test(
        "ends as its own last event says",
        Effect.gen(function* () {
          const ends: Record<string, AgentEvent.AgentEvent> = {
            success: { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "success" } },
            cancelled: { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "cancelled" } },
            error: { type: "RUN_ERROR", message: "no luck", code: "unlucky" },
          }
          yield* start((claimed) =>
            Stream.make(
              ends[RequestSnapshot.lastUserText(claimed.snapshot)]!,
              AgentEvent.stepStarted("never"),
            ),
          )
          const submitted = yield* Effect.forEach(Object.keys(ends), (text) =>
            submit({ snapshot: RequestSnapshot.fromText(text) }),
          )
          yield* untilStatus(submitted[0]!.runId, "completed")
          yield* untilStatus(submitted[1]!.runId, "cancelled")
          const failed = yield* untilStatus(submitted[2]!.runId, "failed")
          deepStrictEqual(failed.error, { code: "unlucky", message: "no luck" })
          deepStrictEqual(
            (yield* log(submitted[0]!.runId)).map((event) => event.type),
            ["RUN_STARTED", "RUN_FINISHED"],
          )
        }),
      )

      const failures: ReadonlyArray<readonly [string, string, Executor.Execute]> = [
        [
          "an error",
          "quota_spent",
          () => Stream.fail(new Executor.ExecutorError({ code: "quota_spent", message: "no more" })),
        ],
        ["a defect", "executor_defect", () => Stream.die(new Error("bug"))],
        [
          "a thrown exception",
          "executor_defect",
          () => {
            throw new Error("bug")
          },
        ],
        [
          "an event that AG-UI refuses",
          "bad_event",
          () => Stream.make({ type: "TEXT_MESSAGE_CONTENT", messageId: 7 } as AgentEvent.AgentEvent),
        ],
        [
          "an event that is too large",
          "event_too_large",
          () => Stream.make(AgentEvent.custom("big", "x".repeat(RunLog.maxEventBytes))),
        ],
      ]
      for (const [what, code, execute] of failures) {
        test(
          `fails the run with code ${code} after ${what}`,
          Effect.gen(function* () {
            yield* start(execute)
            const { runId } = yield* submit()
            const failed = yield* untilStatus(runId, "failed")
            strictEqual(failed.error?.code, code)
            strictEqual(failed.attempt, 1)
            strictEqual((yield* log(runId)).at(-1)?.type, "RUN_ERROR")
          }),
        )
      }

      test(
        "fails the run with code executor_timeout when it never ends",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          yield* start(Executors.timeout("1 minute")(endless.execute))
          const { runId } = yield* submit()
          yield* Queue.take(endless.started)
          yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("10 seconds"), run(runId)), 6)
          const failed = yield* untilStatus(runId, "failed")
          strictEqual(failed.error?.code, "executor_timeout")
          strictEqual(yield* Queue.size(endless.finalized), 1)
        }),
      )
    })

    describe("a retryable failure", () => {
      test(
        "hands the run back with back-off while attempts are left, then fails it with its own code",
        Effect.gen(function* () {
          const attempts = yield* Ref.make<ReadonlyArray<number | null>>([])
          yield* start(
            (claimed) =>
              Stream.concat(
                Stream.make(AgentEvent.textStart(`m${claimed.attempt}`)),
                Stream.unwrap(
                  Effect.as(
                    Ref.update(attempts, (all) => [...all, claimed.attempt]),
                    Stream.fail(Executor.retryable("busy", "later")),
                  ),
                ),
              ),
            { retryDelay: () => "10 seconds" },
          )
          const { runId } = yield* submit({ maxAttempts: 2 })
          const back = yield* untilStatus(runId, "pending").pipe(
            Effect.zipRight(
              until(run(runId), (current) => current.status === "pending" && current.attempt === 1),
            ),
          )
          strictEqual(back.status, "pending")
          yield* TestClock.adjust("9 seconds")
          strictEqual((yield* run(runId)).attempt, 1)
          yield* TestClock.adjust("1 seconds")
          const failed = yield* untilStatus(runId, "failed")
          deepStrictEqual(failed.error, { code: "busy", message: "later" })
          deepStrictEqual(yield* Ref.get(attempts), [1, 2])
          deepStrictEqual(
            (yield* log(runId)).map((event) => event.type),
            [
              "RUN_STARTED",
              "TEXT_MESSAGE_START",
              "TEXT_MESSAGE_END",
              "CUSTOM",
              "TEXT_MESSAGE_START",
              "TEXT_MESSAGE_END",
              "RUN_ERROR",
            ],
          )
        }),
      )
    })

    describe("a run that waits for a tool result", () => {
      test(
        "frees the worker, and goes on with the answer in its snapshot",
        Effect.gen(function* () {
          const worker = yield* start((claimed) => {
            const answer = claimed.snapshot?.messages
              .flatMap((message) => message.parts)
              .find((part) => part.type === "tool_result")
            return answer === undefined
              ? Stream.fail(new Executor.AwaitToolResult({ toolCallId: "call-1", toolName: "ask" }))
              : Executors.make(() => Effect.succeed(`you said ${String(answer["result"])}`))(claimed)
          })
          const { runId } = yield* submit()
          const waiting = yield* untilStatus(runId, "waiting")
          deepStrictEqual(waiting.waiting, { toolCallId: "call-1", toolName: "ask", expiresAt: null })
          yield* until(worker.inFlight, (held) => held.length === 0)
          const runs = yield* Runs.Runs
          yield* runs.resume(runId, { toolCallId: "call-1", result: "yes" })
          yield* untilStatus(runId, "completed")
          const said = (yield* log(runId)).find((event) => event.type === "TEXT_MESSAGE_CONTENT")
          strictEqual(said?.["delta"], "you said yes")
        }),
      )

      test(
        "fails when the result does not arrive within the time that the executor gives it",
        Effect.gen(function* () {
          const interrupt = ({ conversationId, runId }: Run.ClaimedRun): AgentEvent.AgentEvent => ({
            type: "RUN_FINISHED",
            threadId: conversationId,
            runId,
            outcome: {
              type: "interrupt",
              interrupts: [{ id: "call-2", reason: "confirm", expiresAt: "1970-01-01T00:00:20.000Z" }],
            },
          })
          yield* start((claimed) =>
            claimed.agentId === "asks"
              ? Stream.fail(Executor.awaitToolResult("call-1", "ask", "10 seconds"))
              : Stream.make(interrupt(claimed)),
          )
          const asks = yield* submit({ agentId: "asks" })
          const interrupts = yield* submit({ agentId: "interrupts" })
          const endOf = (run: Run.Run) => run.waiting?.expiresAt?.epochMillis
          strictEqual(endOf(yield* untilStatus(asks.runId, "waiting")), 10_000)
          strictEqual(endOf(yield* untilStatus(interrupts.runId, "waiting")), 20_000)
          yield* TestClock.adjust("10 seconds")
          strictEqual((yield* untilStatus(asks.runId, "failed")).error?.code, "wait_expired")
          strictEqual((yield* run(interrupts.runId)).status, "waiting")
          yield* TestClock.adjust("10 seconds")
          strictEqual((yield* untilStatus(interrupts.runId, "failed")).error?.code, "wait_expired")
        }),
      )
    })

    describe("leases", () => {
      const renewals: Array<number> = []
      test(
        "are renewed all in one request at a third of their length",
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
          renew: (request) => {
            renewals.push(request.leases.length)
            return leases.renew(request)
          },
        })),
      )

      test(
        "keep a run for many times their length",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          yield* start(endless.execute)
          const { runId } = yield* submit()
          yield* Queue.take(endless.started)
          yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("5 seconds"), run(runId)), 24)
          const current = yield* run(runId)
          strictEqual(current.status, "running")
          strictEqual(current.attempt, 1)
          strictEqual(yield* Queue.size(endless.finalized), 0)
        }),
      )

      test(
        "count from when the run was given, however long the claim had waited for it",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          yield* start(endless.execute, { leaseDuration: "5 seconds", claimWait: "20 seconds" })
          // In steps, so that a claim held by the control plane looks again meanwhile.
          yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), TestRuns.settle), 7)
          const { runId } = yield* submit()
          yield* Queue.take(endless.started)
          yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), TestRuns.settle), 12)
          const current = yield* run(runId)
          strictEqual(current.status, "running")
          strictEqual(current.attempt, 1)
          strictEqual(yield* Queue.size(endless.finalized), 0)
        }),
      )

      test(
        "that cannot be renewed end here before they end in the store, and nothing more is written",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          const worker = yield* start(endless.execute)
          const told = yield* listen(worker)
          const { runId } = yield* submit()
          yield* Queue.take(endless.started)
          const before = yield* run(runId)
          yield* TestClock.adjust(Duration.seconds(29))
          yield* Queue.take(endless.finalized)
          const ended = yield* until(Queue.take(told), (event) => event._tag === "LeaseEnded")
          assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Expired")
          const after = yield* run(runId)
          strictEqual(after.status, "running")
          strictEqual(after.latestEventId, before.latestEventId)
        }),
        Faults.over(Leases.Leases, (leases) => ({
          ...leases,
          renew: () => Effect.fail(unavailable("Leases.renew")),
        })),
      )

      test(
        "that get no answer at all end by the local deadline too",
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

      test(
        "that lapse hand the run to another worker, and the first can do nothing to it",
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
          yield* start(Executors.make(() => Effect.succeed("second")))
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

    describe("a cancelled run", () => {
      test(
        "interrupts its executor by a signal, without waiting for a renewal",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          const worker = yield* start(endless.execute)
          const told = yield* listen(worker)
          const { runId } = yield* submit()
          yield* Queue.take(endless.started)
          const runs = yield* Runs.Runs
          yield* runs.cancel(runId)
          yield* Queue.take(endless.finalized)
          const ended = yield* until(Queue.take(told), (event) => event._tag === "LeaseEnded")
          assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Cancelled")
          strictEqual((yield* run(runId)).status, "cancelled")
        }),
      )

      test(
        "interrupts its executor at the next renewal where there are no signals",
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
          const events = yield* log(runId)
          deepStrictEqual(events.at(-1)?.["outcome"], { type: "cancelled" })
        }),
        Faults.over(Leases.Leases, (leases) => ({ ...leases, signals: () => Stream.never })),
      )

      test(
        "leaves the worker after a bounded grace when a finalizer hangs",
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
          yield* until(worker.inFlight, (held) => held.length === 0)
        }),
      )
    })

    describe("a worker that is watched", () => {
      test(
        "tells what it holds, now and after each change",
        Effect.gen(function* () {
          const finish = yield* Deferred.make<void>()
          const worker = yield* start(Executors.make(() => Deferred.await(finish)))
          const held = yield* Queue.unbounded<number>()
          yield* Worker.inFlight.pipe(
            Stream.runForEach((runs) => Queue.offer(held, runs.length)),
            Effect.provideService(Worker.Worker, worker),
            Effect.forkScoped,
          )
          strictEqual(yield* Queue.take(held), 0)
          const { runId } = yield* submit()
          yield* until(Queue.take(held), (count) => count === 1)
          yield* Deferred.succeed(finish, undefined)
          yield* until(Queue.take(held), (count) => count === 0)
          strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
        }),
      )
    })

    describe("a drain", () => {
      test(
        "lets runs finish that do so in time, and claims no more",
        Effect.gen(function* () {
          const started = yield* Deferred.make<void>()
          const finish = yield* Deferred.make<void>()
          const scope = yield* Scope.make()
          yield* start(
            Executors.make(() =>
              Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(finish)),
            ),
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
        "happens too when the fiber that runs the worker is interrupted, as by a signal to the process",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          const running = yield* Worker.run({ leaseDuration: lease, drainTimeout: "10 seconds" }).pipe(
            Effect.provide(Executors.layerWith(endless.execute)),
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

      test(
        "hands back at once what does not finish, with the attempt not counted",
        Effect.gen(function* () {
          const endless = yield* makeEndless
          const scope = yield* Scope.make()
          const worker = yield* start(endless.execute, { drainTimeout: "10 seconds" }).pipe(
            Scope.extend(scope),
          )
          const told = yield* Effect.fork(Stream.runCollect(worker.events))
          const { runId } = yield* submit()
          yield* Queue.take(endless.started)
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* Effect.yieldNow()
          yield* TestClock.adjust("9 seconds")
          strictEqual((yield* run(runId)).status, "running")
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(closing)
          deepStrictEqual(Array.from(yield* Fiber.join(told), (event) => event._tag).slice(-2), [
            "Draining",
            "Released",
          ])
          strictEqual(yield* Queue.size(endless.finalized), 1)
          const back = yield* run(runId)
          strictEqual(back.status, "pending")
          strictEqual(back.attempt, 0)
          yield* start(Executors.make(() => Effect.succeed("done")))
          strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
        }),
      )
    })

    describe("appends", () => {
      let failNext = true
      test(
        "whose answer is lost are repeated and add nothing twice",
        Effect.gen(function* () {
          failNext = true
          yield* start(Executors.make(() => Stream.make("a", "b", "c")))
          const { runId } = yield* submit()
          const done = yield* until(
            Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
            (current) => current.status === "completed",
          )
          strictEqual(done.latestSequence, 5)
          deepStrictEqual(
            (yield* log(runId))
              .filter((event) => event.type === "TEXT_MESSAGE_CONTENT")
              .map((event) => event["delta"]),
            ["a", "b", "c"],
          )
        }),
        Faults.over(RunLog.RunLog, (runLog) => ({
          ...runLog,
          append: (request) =>
            Effect.flatMap(runLog.append(request), (appended) => {
              if (!failNext) return Effect.succeed(appended)
              failNext = false
              return Effect.fail(unavailable("RunLog.append"))
            }),
        })),
      )

      test(
        "split a delta over the size limit and lose nothing of it",
        Effect.gen(function* () {
          const text = "ab😀\n".repeat(80_000)
          yield* start(Executors.make(() => Effect.succeed(text)))
          const { runId } = yield* submit()
          yield* until(
            Effect.zipRight(TestClock.adjust("10 millis"), run(runId)),
            (current) => current.status === "completed",
          )
          const deltas = (yield* log(runId)).flatMap((event) =>
            event.type === "TEXT_MESSAGE_CONTENT" ? [String(event["delta"])] : [],
          )
          assertTrue(deltas.length > 1)
          strictEqual(deltas.join(""), text)
        }),
      )

      const gate = Effect.unsafeMakeLatch(false)
      test(
        "hold the executor back when the log is slow",
        Effect.gen(function* () {
          yield* gate.close
          const produced = yield* Ref.make(0)
          yield* start(() =>
            Stream.range(1, 5000).pipe(
              Stream.rechunk(1),
              Stream.tap(() => Ref.update(produced, (n) => n + 1)),
              Stream.map((n) => AgentEvent.custom("n", n)),
            ),
          )
          const { runId } = yield* submit()
          let seen = -1
          yield* until(Ref.get(produced), (n) => {
            const settled = n > 0 && n === seen
            seen = n
            return settled
          })
          assertTrue((yield* Ref.get(produced)) < 1000)
          yield* gate.open
          yield* until(
            Effect.zipRight(TestClock.adjust("10 millis"), run(runId)),
            (current) => current.status === "completed",
          )
          strictEqual((yield* run(runId)).latestSequence, 5000)
        }),
        Faults.over(RunLog.RunLog, (runLog) => ({
          ...runLog,
          append: (request) => Effect.zipRight(gate.await, runLog.append(request)),
        })),
      )
    })
  })
}
