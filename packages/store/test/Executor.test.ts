import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as Emit from "@runlease/core/Emit"
import * as Executor from "@runlease/core/Executor"
import { AgentId } from "@runlease/core/Ids"
import { LeaseEpoch } from "@runlease/core/Run"
import { Chunk, Context, Duration, Effect, Exit, Fiber, Layer, Ref, Stream, TestClock } from "effect"
import * as MemoryControlPlane from "../src/memory/MemoryControlPlane.js"
import { claimed } from "../../core/test/claimed.js"

/** The events of an execution of `run`. */
const collect = (execute: Executor.ExecuteWith<never>, run = claimed()) =>
  Effect.map(Stream.runCollect(Executor.toStream(execute)(run)), Chunk.toReadonlyArray)

const failing = (error: Executor.ExecutorFailure) => () =>
  Stream.concat(Stream.make(AgentEvent.textStart("half")), Stream.fail(error))

const message = claimed().messageId

describe("Executor.from", () => {
  it.effect("makes one message from a string", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* collect(Executor.from(() => Effect.succeed("hello"))), [
        AgentEvent.textStart(message),
        AgentEvent.textContent(message, "hello"),
        AgentEvent.textEnd(message),
      ])
    }),
  )

  it.effect("closes the message before an event and opens another after it", () =>
    Effect.gen(function* () {
      const step = AgentEvent.stepStarted("look")
      deepStrictEqual(yield* collect(Executor.from(() => Stream.make("a", "b", step, "", "c"))), [
        AgentEvent.textStart(message),
        AgentEvent.textContent(message, "a"),
        AgentEvent.textContent(message, "b"),
        AgentEvent.textEnd(message),
        step,
        AgentEvent.textStart(`${message}.1`),
        AgentEvent.textContent(`${message}.1`, "c"),
        AgentEvent.textEnd(`${message}.1`),
      ])
    }),
  )

  it.effect("emits nothing for void, and events unchanged", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* collect(Executor.from(() => Effect.void)), [])
      const event = AgentEvent.custom("n", 1)
      deepStrictEqual(yield* collect(Executor.from(() => Effect.succeed([event]))), [event])
    }),
  )

  it.effect("uses another message id at a later claim", () =>
    Effect.gen(function* () {
      const [first] = yield* collect(
        Executor.from(() => Effect.succeed("x")),
        claimed({ attempt: 2 }),
      )
      deepStrictEqual(first, AgentEvent.textStart(`${message}-2`))
      const resumed = claimed({ attempt: 1, leaseEpoch: LeaseEpoch.make(3) })
      const [next] = yield* collect(
        Executor.from(() => Effect.succeed("x")),
        resumed,
      )
      deepStrictEqual(next, AgentEvent.textStart(`${message}-3`))
    }),
  )

  it.effect("converts any error to an ExecutorError", () =>
    Effect.gen(function* () {
      const tagged = yield* Effect.flip(
        collect(Executor.from(() => Effect.fail({ _tag: "QuotaSpent", message: "no more" }))),
      )
      assertTrue(tagged._tag === "ExecutorError")
      strictEqual(tagged.code, "QuotaSpent")
      strictEqual(tagged.message, "no more")
      strictEqual(tagged.retryable, false)
    }),
  )

  it.effect("uses the services that its layer provides", () =>
    Effect.gen(function* () {
      class Greeting extends Context.Tag("Greeting")<Greeting, string>() {}
      const layer = Executor.layerFrom(() => Greeting).pipe(Layer.provide(Layer.succeed(Greeting, "hi")))
      const { execute } = yield* Effect.provide(Executor.Executor, layer)
      strictEqual(
        (yield* collect((run) =>
          Stream.provideLayer(Executor.toStream(execute)(run), MemoryControlPlane.layer),
        )).length,
        3,
      )
    }),
  )
})

describe("the combinators of executors, of an Effect", () => {
  const saying = Executor.from(() => Emit.text("hel").pipe(Effect.as("lo")))
  const busy = new Executor.ExecutorError({ code: "busy", message: "later" })
  const failingEffect = Executor.from(() => Effect.zipRight(Emit.text("half"), busy))

  it.effect("return an Effect where they change no events", () =>
    Effect.gen(function* () {
      const combined = [
        saying,
        Executor.route({ [claimed().agentId]: saying }),
        Executor.timeout("1 minute")(saying),
        Executor.retryable({})(saying),
      ]
      for (const execute of combined) {
        assertTrue(Effect.isEffect(execute(claimed())))
        strictEqual((yield* collect(execute)).length, 4)
      }
    }),
  )

  it.effect("time out one that never ends, after its events", () =>
    Effect.gen(function* () {
      const emitted = yield* Ref.make(0)
      const never = Executor.from(() =>
        Effect.zipRight(Emit.event(AgentEvent.stepStarted("s")), Effect.never),
      )
      const fiber = yield* Executor.toStream(Executor.timeout("10 minutes")(never))(claimed()).pipe(
        Stream.runForEach(() => Ref.update(emitted, (n) => n + 1)),
        Effect.fork,
      )
      yield* TestClock.adjust("9 minutes")
      strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 minute")
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assertTrue(failure._tag === "ExecutorError" && failure.code === "executor_timeout")
      strictEqual(yield* Ref.get(emitted), 1)
    }),
  )

  it.effect("mark its failure as retryable", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(collect(Executor.retryable({})(failingEffect)))
      assertTrue(failure._tag === "ExecutorError" && failure.retryable)
    }),
  )

  it.effect("fall back after closing what it left open, and to another Effect", () =>
    Effect.gen(function* () {
      const events = yield* collect(Executor.fallback(saying)(failingEffect))
      deepStrictEqual(events.slice(0, 4), [
        AgentEvent.textStart(message),
        AgentEvent.textContent(message, "half"),
        AgentEvent.textEnd(message),
        AgentEvent.custom("runlease.fallback", { code: "busy", message: "later" }),
      ])
      strictEqual(events.length, 8)
    }),
  )

  it.effect("limit concurrent executions, and call the function under the permit", () =>
    Effect.gen(function* () {
      let called = 0
      const limited = yield* Executor.limit(1)(
        Executor.from(() => {
          called += 1
          return Effect.never
        }),
      )
      const [first] = yield* Effect.forEach([1, 2], () =>
        Effect.fork(Stream.runDrain(Executor.toStream(limited)(claimed()))),
      )
      yield* TestClock.adjust("1 minute")
      strictEqual(called, 1)
      yield* Fiber.interrupt(first!)
      yield* TestClock.adjust("1 minute")
      strictEqual(called, 2)
    }),
  )

  it.effect("give it the services of its layer", () =>
    Effect.gen(function* () {
      class Greeting extends Context.Tag("Greeting")<Greeting, string>() {}
      const layer = Executor.layerWith(() => Effect.flatMap(Greeting, Emit.text))
      const { execute } = yield* Effect.provide(
        Executor.Executor,
        Layer.provide(layer, Layer.succeed(Greeting, "hi")),
      )
      const events = yield* collect((run) =>
        Stream.provideLayer(Executor.toStream(execute)(run), MemoryControlPlane.layer),
      )
      strictEqual(events.length, 3)
    }),
  )
})

describe("a Stream of Executor.from that runs again", () => {
  it.effect("gets another async iterable from the function", () =>
    Effect.gen(function* () {
      let called = 0
      const events = Executor.toStream(
        Executor.from(async function* () {
          called += 1
          yield "a"
        }),
      )(claimed())
      strictEqual(yield* Stream.runCount(events), 3)
      strictEqual(yield* Stream.runCount(events), 3)
      strictEqual(called, 2)
    }),
  )
})

describe("the combinators of executors", () => {
  it.effect("route by agent, and refuse an unknown one", () =>
    Effect.gen(function* () {
      const route = Executor.route({ echo: Executor.from(() => Effect.succeed("echo")) })
      strictEqual((yield* collect(route)).length, 3)
      for (const agentId of ["unknown", "constructor"]) {
        const failure = yield* Effect.flip(collect(route, claimed({ agentId: AgentId.make(agentId) })))
        assertTrue(failure._tag === "ExecutorError" && failure.code === "unknown_agent")
      }
    }),
  )

  it.effect("time out an executor that never ends, after its events", () =>
    Effect.gen(function* () {
      const emitted = yield* Ref.make(0)
      const never = () => Stream.concat(Stream.make(AgentEvent.stepStarted("s")), Stream.never)
      const fiber = yield* Executor.toStream(Executor.timeout("10 minutes")(never))(claimed()).pipe(
        Stream.runForEach(() => Ref.update(emitted, (n) => n + 1)),
        Effect.fork,
      )
      yield* TestClock.adjust("9 minutes")
      strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 minute")
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assertTrue(failure._tag === "ExecutorError" && failure.code === "executor_timeout")
      strictEqual(yield* Ref.get(emitted), 1)
    }),
  )

  it.effect("mark a failure as retryable, with a delay", () =>
    Effect.gen(function* () {
      const retry = Executor.retryable({
        while: (error) => error.code === "busy",
        delay: (attempt) => Duration.seconds(attempt * 10),
      })
      const busy = yield* Effect.flip(
        collect(
          retry(failing(new Executor.ExecutorError({ code: "busy", message: "later" }))),
          claimed({ attempt: 2 }),
        ),
      )
      assertTrue(busy._tag === "ExecutorError" && busy.retryable)
      deepStrictEqual(busy.retryAfter, Duration.seconds(20))
      strictEqual(busy.message, "later")
      const broken = yield* Effect.flip(
        collect(retry(failing(new Executor.ExecutorError({ code: "broken", message: "no" })))),
      )
      assertTrue(broken._tag === "ExecutorError" && !broken.retryable)
    }),
  )

  it.effect("fall back after closing what the first executor left open", () =>
    Effect.gen(function* () {
      const both = Executor.fallback(Executor.from(() => Effect.succeed("second")))(
        failing(new Executor.ExecutorError({ code: "down", message: "off" })),
      )
      deepStrictEqual((yield* collect(both)).slice(0, 3), [
        AgentEvent.textStart("half"),
        AgentEvent.textEnd("half"),
        AgentEvent.custom("runlease.fallback", { code: "down", message: "off" }),
      ])
    }),
  )

  it.effect("do not treat a wait as a failure", () =>
    Effect.gen(function* () {
      const waiting = failing(Executor.awaitToolResult("t", "ask"))
      for (const execute of [
        Executor.retryable({})(waiting),
        Executor.fallback(Executor.from(() => Effect.void))(waiting),
      ]) {
        strictEqual((yield* Effect.flip(collect(execute)))._tag, "AwaitAnswers")
      }
    }),
  )

  it.effect("recognise failures of another copy of core", () =>
    Effect.gen(function* () {
      // An error class of another copy has the same fields and another constructor.
      const copyOf = (error: Executor.ExecutorFailure): unknown => ({ ...error, message: error.message })
      const down = new Executor.ExecutorError({ code: "down", message: "off", retryable: true })
      const failed = yield* Effect.flip(collect(Executor.from(() => Effect.fail(copyOf(down)))))
      assertTrue(failed._tag === "ExecutorError" && failed.code === "down" && failed.retryable)
      const waits = copyOf(Executor.awaitToolResult("t", "ask"))
      const waiting = yield* Effect.flip(collect(Executor.from(() => Effect.fail(waits))))
      strictEqual(waiting._tag, "AwaitAnswers")
    }),
  )

  it.effect("limit concurrent executions, and free the slot of an interrupted one", () =>
    Effect.gen(function* () {
      const running = yield* Ref.make(0)
      const limited = yield* Executor.limit(2)(() =>
        Stream.scoped(
          Effect.acquireRelease(
            Ref.update(running, (n) => n + 1),
            () => Ref.update(running, (n) => n - 1),
          ),
        ).pipe(Stream.flatMap(() => Stream.never)),
      )
      const fibers = yield* Effect.forEach([1, 2, 3], () =>
        Effect.fork(Stream.runDrain(Executor.toStream(limited)(claimed()))),
      )
      yield* Effect.repeat(Ref.get(running), { until: (n) => n === 2, times: 1000 })
      yield* TestClock.adjust("1 minute")
      strictEqual(yield* Ref.get(running), 2)
      yield* Fiber.interrupt(fibers[0]!)
      strictEqual(yield* Effect.repeat(Ref.get(running), { until: (n) => n === 2, times: 1000 }), 2)
      yield* Fiber.interruptAll(fibers)
      strictEqual(yield* Ref.get(running), 0)
      assertTrue(Exit.isInterrupted(yield* Fiber.await(fibers[2]!)))
    }),
  )
})
