/** The finalizers of a stream that runs into the log of its run: once each, however the stream ends. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Runtime, Stream } from "effect"
import * as AgentEvent from "../src/model/AgentEvent.js"
import { Emit } from "../src/executor/Emit.js"
import { ExecutorError, type ExecutorFailure } from "../src/executor/Executor.js"
import { StepLog } from "../src/executor/StepLog.js"
import type { WorkerId } from "../src/model/Ids.js"
import { EventId, LeaseEpoch, Sequence } from "../src/model/Run.js"
import * as RunSink from "../src/worker/RunSink.js"
import { claimed } from "./claimed.js"

type Events = Stream.Stream<AgentEvent.LogEvent, ExecutorFailure>

const run = claimed()

/** A sink whose log takes everything. */
const makeSink = Effect.map(Effect.runtime(), (runtime) => {
  const sink = RunSink.make({
    log: {
      append: () =>
        Effect.succeed({
          latestEventId: EventId.make(2),
          latestSequence: Sequence.make(1),
          appendedCount: 1,
        }),
      read: () => Effect.succeed([]),
      follow: () => Stream.empty,
      reader: () => Effect.dieMessage("A sink does not read"),
    },
    claimed: run,
    lease: {
      ref: { runId: run.runId, workerId: "w" as WorkerId, epoch: LeaseEpoch.make(1) },
      end: () => Effect.void,
    },
    leaseDuration: Duration.seconds(60),
    clock: Clock.make(),
    linger: 0,
    fork: Runtime.runFork(runtime),
    stop: () => {},
  })
  const runStream = (events: Events) =>
    sink.run(events).pipe(Effect.provideService(Emit, sink), Effect.provideService(StepLog, sink))
  return { runStream, settled: sink.settled }
})

/** Counts what is open. */
const makeResource = () => {
  const closed: Array<string> = []
  const close = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => closed.push(exit._tag))
  return { closed, close, resource: Effect.acquireRelease(Effect.void, (_, exit) => close(exit)) }
}

type Resource = ReturnType<typeof makeResource>

const owners: Readonly<Record<string, (body: Events, resource: Resource) => Events>> = {
  "at its end": (body, { close }) => Stream.ensuringWith(body, close),
  "around it": (body, { resource }) => Stream.flatMap(Stream.scoped(resource), () => body),
  "of its Scope": (body, { resource }) => Stream.unwrapScoped(Effect.as(resource, body)),
  "behind a buffer": (body, { resource }) =>
    Stream.buffer(Stream.unwrapScoped(Effect.as(resource, body)), { capacity: 2 }),
  "before another stream": (body, { resource }) =>
    Stream.concat(Stream.unwrapScoped(Effect.as(resource, body)), Stream.empty),
  "beside another stream": (body, { resource }) =>
    Stream.merge(Stream.unwrapScoped(Effect.as(resource, body)), Stream.empty),
  "in each of its fibers": (body, { resource }) =>
    Stream.flatMap(Stream.make(1), () => Stream.unwrapScoped(Effect.as(resource, body)), { concurrency: 2 }),
}

const first = Stream.make<[AgentEvent.LogEvent]>(AgentEvent.stepStarted("first"))
const failure = new ExecutorError({ code: "down", message: "off" })

const endings: Readonly<Record<string, Events>> = {
  "without an event": Stream.empty,
  "with its last event": first,
  "by a failure": Stream.concat(first, Stream.fail(failure)),
  "by a defect": Stream.concat(first, Stream.die("bug")),
  "by an event that ends the run": Stream.concat(
    first,
    Stream.concat(Stream.make({ type: "RUN_FINISHED" }), Stream.never),
  ),
  "by an event that the log does not take": Stream.concat(
    first,
    Stream.concat(Stream.make({ type: "" }), Stream.never),
  ),
}

describe("the finalizer of a stream", () => {
  for (const [where, owned] of Object.entries(owners)) {
    for (const [how, body] of Object.entries(endings)) {
      it.live(`${where} runs once when the stream ends ${how}`, () =>
        Effect.gen(function* () {
          const sink = yield* makeSink
          const resource = makeResource()
          const exit = yield* Effect.exit(sink.runStream(owned(body, resource)))
          yield* sink.settled
          strictEqual(resource.closed.length, 1)
          strictEqual(Exit.isSuccess(exit), how === "without an event" || how === "with its last event")
          if (Exit.isSuccess(exit)) deepStrictEqual(resource.closed, ["Success"])
        }),
      )
    }

    it.live(`${where} runs once when the run is interrupted`, () =>
      Effect.gen(function* () {
        const sink = yield* makeSink
        const resource = makeResource()
        const started = yield* Deferred.make<void>()
        const body = Stream.concat(
          first,
          Stream.execute(Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)),
        )
        const fiber = yield* Effect.fork(sink.runStream(owned(body, resource)))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        deepStrictEqual(resource.closed, ["Failure"])
      }),
    )
  }

  it.live("that dies fails the run", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      const exit = yield* Effect.exit(sink.runStream(Stream.ensuring(first, Effect.die("bug"))))
      yield* sink.settled
      assertTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }),
  )
})
