/** Workers under test, and steps that their tests share. */
import { describe } from "@effect/vitest"
import {
  Claims,
  ControlPlane,
  ControlPlaneUnavailable,
  Executor,
  RequestSnapshot,
  Run,
  Runs,
  Worker,
  WorkerEvent,
  WorkerOptions,
} from "@runlease/core"
import { DateTime, Duration, Effect, Inspectable, Layer, Queue, Scope, Stream } from "effect"
import * as Faults from "./Faults.js"
import * as TestRuns from "./TestRuns.js"

type Ports = ControlPlane.ProjectPorts

/** Declares a test over the ports of the suite, which `change` may replace. */
type DeclareOne = <A, E>(
  title: string,
  effect: Effect.Effect<A, E, Ports | Scope.Scope>,
  change?: (ports: Layer.Layer<Ports, unknown>) => Layer.Layer<Ports, unknown>,
) => void

/** Declares the tests of a suite above the ports. */
export interface Declare extends DeclareOne {
  /**
   * Declares a test whose outcome the ports can change: by their rows, wake-ups, clock and sizes, or by how requests are sent. Every other
   * test is one of code above the ports, which runs the same over each store.
   */
  readonly onEachStore: DeclareOne
  /** Groups tests. */
  readonly describe: (title: string, tests: () => void) => void
}

/** Provides each test with its own ports, driven by the TestClock. */
const declareOne =
  (layer: Layer.Layer<Ports, unknown>): DeclareOne =>
  (title, effect, change = (ports) => ports) =>
    TestRuns.tester(change(layer))(title, effect)

const group: Declare["describe"] = describe

/** Declares each test. */
export const declare = (layer: Layer.Layer<Ports, unknown>): Declare =>
  Object.assign(declareOne(layer), { onEachStore: declareOne(layer), describe: group })

/**
 * Declares the tests that are marked by `onEachStore`. A group without one is left out, since Vitest refuses an empty one; groups have no
 * groups.
 */
export const declareOfStore = (layer: Layer.Layer<Ports, unknown>): Declare => {
  const declareMarked = declareOne(layer)
  let marked: Array<() => void> = []
  const leaveOut: DeclareOne = () => {}
  return Object.assign(leaveOut, {
    onEachStore: (...test: Parameters<DeclareOne>) => {
      marked.push(() => declareMarked(...test))
    },
    describe: (title: string, tests: () => void) => {
      marked = []
      tests()
      const found = marked
      if (found.length > 0) group(title, () => found.forEach((test) => test()))
    },
  })
}

export const lease = Duration.seconds(30)

const unopened = Effect.unsafeMakeLatch(false)

/** Each claim that takes runs is answered, and the answer does not arrive. */
export const withoutAnswers = Faults.over(Claims.Claims, (claims) => ({
  claim: (request) =>
    Effect.tap(claims.claim(request), (runs) =>
      runs.length > 0 && request.limit > 0 ? unopened.await : Effect.void,
    ),
}))

const looks = 100_000

/**
 * Repeats `effect` until its value satisfies `is`, with a turn of the event loop between, in which all that is ready continues. Dies after
 * 100,000 looks.
 */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  is: (a: A) => boolean,
): Effect.Effect<A, E, R> =>
  Effect.filterOrDie(
    Effect.repeat(Effect.zipLeft(effect, TestRuns.turn), { until: is, times: looks }),
    is,
    (last) =>
      new Error(
        `The awaited state did not occur in ${looks} looks, and last was ${Inspectable.toStringUnknown(last)}`,
      ),
  )

export const run = TestRuns.getRun

export const untilStatus = (runId: Run.Run["runId"], status: Run.RunStatus) =>
  until(run(runId), (current) => current.status === status)

/** Waits until the lease of the run lasts for `atLeast` from now, or the run has none. */
export const untilRenewed = (runId: Run.Run["runId"], atLeast: Duration.DurationInput) =>
  until(
    Effect.zip(run(runId), TestRuns.after(atLeast)),
    ([{ lease }, then]) => lease === null || DateTime.greaterThanOrEqualTo(lease.expiresAt, then),
  )

/** Waits until the run holds no worker: until nothing of it is in flight, and a moment more. */
export const untilSuspended = (runId: Run.Run["runId"]) =>
  TestRuns.eventually(run(runId), ({ status }) => status === "waiting", {
    step: "50 millis",
    within: "2 seconds",
  })

export const log = (runId: Run.Run["runId"]) => TestRuns.eventsOf(runId)

export const submit = (input: Partial<Runs.SubmissionInput> = {}) =>
  TestRuns.submit({ snapshot: RequestSnapshot.fromText("hi"), ...input })

/** Starts a worker in the test's Scope. It drains at once when the Scope closes, since no time passes then. */
export const start = <R>(execute: Executor.ExecuteWith<R>, options: WorkerOptions.WorkerOptions = {}) =>
  Worker.make({ leaseDuration: lease, drainTimeout: 0, ...options }).pipe(
    Effect.provide(Executor.layerWith(execute)),
  )

/** An executor that never ends by itself, with queues of the runs that it started and finalized. */
export const makeEndless = Effect.gen(function* () {
  const started = yield* Queue.unbounded<Run.ClaimedRun>()
  const finalized = yield* Queue.unbounded<Run.ClaimedRun>()
  const execute = (claimed: Run.ClaimedRun) =>
    Stream.scoped(
      Effect.acquireRelease(Queue.offer(started, claimed), () => Queue.offer(finalized, claimed)),
    ).pipe(Stream.flatMap(() => Stream.never))
  return { execute, started, finalized }
})

export const unavailable = (operation: string) =>
  new ControlPlaneUnavailable.ControlPlaneUnavailable({ operation, message: "unplugged" })

/** Claims of which only the first that takes runs is answered. */
export const claimOnce = Layer.effect(
  Claims.Claims,
  Effect.gen(function* () {
    const claims = yield* Claims.Claims
    const turn = yield* Effect.makeSemaphore(1)
    return {
      claim: (request: Claims.ClaimRequest) =>
        Effect.zipRight(request.limit === 0 ? Effect.void : turn.take(1), claims.claim(request)),
    }
  }),
)

/** A queue of the worker's last events and those to come. */
export const listen = (worker: Worker.Worker["Type"]) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<WorkerEvent.WorkerEvent>()
    yield* Effect.forkScoped(Stream.runForEach(worker.events, (event) => Queue.offer(queue, event)))
    yield* Effect.yieldNow()
    return queue
  })
