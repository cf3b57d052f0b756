import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as Emit from "@runlease/core/Emit"
import { ExecutorError } from "@runlease/core/Executor"
import * as Executor from "@runlease/core/Executor"
import { AgentId } from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import * as Worker from "@runlease/core/Worker"
import { Chunk, Deferred, Effect, Fiber, HashMap, Logger, Option, Ref, Stream } from "effect"
import * as MemoryControlPlane from "../src/memory/MemoryControlPlane.js"
import { claimed } from "../../core/test/claimed.js"

const message = claimed().messageId

const collect = (execute: Executor.ExecuteWith<never>) =>
  Effect.map(Stream.runCollect(Executor.toStream(execute)(claimed())), Chunk.toReadonlyArray)

/** Runs `f` in a worker and returns the log of the run without its first event. */
const logOf = <S extends Executor.Source<unknown, Emit.Emit>>(f: (run: ClaimedRun) => S) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const log = yield* RunLog
    const { run } = yield* runs.submit({
      agentId: AgentId.make("echo"),
      snapshot: RequestSnapshot.fromText("hi"),
    })
    const entries = yield* Stream.runCollect(log.follow({ runId: run.runId }))
    return Chunk.toReadonlyArray(entries)
      .map(({ event }) => event)
      .slice(1)
  }).pipe(
    Effect.raceFirst(Worker.run({ drainTimeout: 0 })),
    Effect.provide([Executor.layerFrom(f), MemoryControlPlane.layer]),
  )

describe("a Stream whose program emits", () => {
  it.live("writes one message with what it emits and what the Stream gives", () =>
    Effect.gen(function* () {
      let id = ""
      const events = yield* logOf((run) => {
        id = run.messageId
        return Stream.make("a", AgentEvent.stepStarted("look"), "b").pipe(
          Stream.rechunk(1),
          Stream.mapEffect((piece) => Effect.as(Emit.text("+"), piece)),
        )
      })
      deepStrictEqual(
        events.map(({ delta, messageId, type }) => [type, messageId, delta]),
        [
          ["TEXT_MESSAGE_START", id, undefined],
          ["TEXT_MESSAGE_CONTENT", id, "+"],
          ["TEXT_MESSAGE_CONTENT", id, "a"],
          ["TEXT_MESSAGE_CONTENT", id, "+"],
          ["TEXT_MESSAGE_END", id, undefined],
          ["STEP_STARTED", undefined, undefined],
          ["TEXT_MESSAGE_START", `${id}.1`, undefined],
          ["TEXT_MESSAGE_CONTENT", `${id}.1`, "+"],
          ["TEXT_MESSAGE_CONTENT", `${id}.1`, "b"],
          ["TEXT_MESSAGE_END", `${id}.1`, undefined],
          ["STEP_FINISHED", undefined, undefined],
          ["RUN_FINISHED", undefined, undefined],
        ],
      )
    }),
  )

  it.live("closes the message that it emits before an event of the Stream", () =>
    Effect.gen(function* () {
      let id = ""
      const own = [AgentEvent.textStart("own"), AgentEvent.textContent("own", "x"), AgentEvent.textEnd("own")]
      const events = yield* logOf((run) => {
        id = run.messageId
        return Stream.concat(
          Stream.execute(Emit.text("+")),
          Stream.concat(Stream.fromIterable(own), Stream.execute(Emit.text("+"))),
        )
      })
      deepStrictEqual(
        events.map(({ messageId, type }) => [type, messageId]),
        [
          ["TEXT_MESSAGE_START", id],
          ["TEXT_MESSAGE_CONTENT", id],
          ["TEXT_MESSAGE_END", id],
          ["TEXT_MESSAGE_START", "own"],
          ["TEXT_MESSAGE_CONTENT", "own"],
          ["TEXT_MESSAGE_END", "own"],
          ["TEXT_MESSAGE_START", `${id}.1`],
          ["TEXT_MESSAGE_CONTENT", `${id}.1`],
          ["TEXT_MESSAGE_END", `${id}.1`],
          ["RUN_FINISHED", undefined],
        ],
      )
    }),
  )
})

describe("an Effect that emits", () => {
  it.effect("writes one message, which its output completes", () =>
    Effect.gen(function* () {
      const step = AgentEvent.stepStarted("look")
      const execute = Executor.from(() =>
        Effect.gen(function* () {
          yield* Emit.text("a")
          yield* Emit.text("b")
          yield* Emit.event(step)
          yield* Emit.text("c")
          return "d"
        }),
      )
      deepStrictEqual(yield* collect(execute), [
        AgentEvent.textStart(message),
        AgentEvent.textContent(message, "a"),
        AgentEvent.textContent(message, "b"),
        AgentEvent.textEnd(message),
        step,
        AgentEvent.textStart(`${message}.1`),
        AgentEvent.textContent(`${message}.1`, "c"),
        AgentEvent.textContent(`${message}.1`, "d"),
        AgentEvent.textEnd(`${message}.1`),
      ])
    }),
  )

  it.effect("shows events while it still runs", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const execute = Executor.from(() => Emit.text("first").pipe(Effect.zipRight(Deferred.await(gate))))
      const count = yield* Executor.toStream(execute)(claimed()).pipe(
        Stream.tap((event) =>
          event.type === "TEXT_MESSAGE_CONTENT" ? Deferred.succeed(gate, undefined) : Effect.void,
        ),
        Stream.runCount,
      )
      strictEqual(count, 3)
    }),
  )

  it.effect("waits while its events are not consumed", () =>
    Effect.gen(function* () {
      const emitted = yield* Ref.make(0)
      const gate = yield* Effect.makeLatch(false)
      const execute = Executor.from(() =>
        Effect.repeatN(
          Effect.zipRight(
            Emit.text("x"),
            Ref.updateAndGet(emitted, (n) => n + 1),
          ),
          9_999,
        ).pipe(Effect.asVoid),
      )
      const fiber = yield* Effect.fork(
        Stream.runForEach(Executor.toStream(execute)(claimed()), () => gate.await),
      )
      yield* Effect.repeat(Effect.yieldNow(), { times: 1_000 })
      const buffered = yield* Ref.get(emitted)
      assertTrue(buffered > 0 && buffered < 100)
      yield* gate.open
      yield* Fiber.join(fiber)
      strictEqual(yield* Ref.get(emitted), 10_000)
    }),
  )

  it.effect("fails after the events that it emitted", () =>
    Effect.gen(function* () {
      const execute = Executor.from(() =>
        Effect.zipRight(Emit.text("half"), Effect.fail(new Error("no more"))),
      )
      const events = yield* Ref.make<ReadonlyArray<string>>([])
      const error = yield* Stream.runForEach(Executor.toStream(execute)(claimed()), (event) =>
        Ref.update(events, (before) => [...before, event.type]),
      ).pipe(Effect.flip)
      assertTrue(error instanceof ExecutorError)
      strictEqual(error.message, "no more")
      deepStrictEqual(yield* Ref.get(events), ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"])
    }),
  )

  it.effect("is interrupted with its run", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const execute = Executor.from(() =>
        Deferred.succeed(started, undefined).pipe(
          Effect.zipRight(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined)),
        ),
      )
      const fiber = yield* Effect.fork(collect(execute))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
    }),
  )

  it.live("writes to the log of its run", () =>
    Effect.gen(function* () {
      const events = yield* logOf(() =>
        Effect.gen(function* () {
          yield* Emit.text("Hel")
          yield* Emit.event(AgentEvent.custom("half", 1))
          return "lo"
        }),
      )
      deepStrictEqual(
        events.map(({ type }) => type),
        [
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
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

describe("an async generator", () => {
  it.effect("behaves like a Stream", () =>
    Effect.gen(function* () {
      const execute = Executor.from(async function* () {
        yield "a"
        yield AgentEvent.custom("n", 1)
        yield "b"
      })
      const types = (yield* collect(execute)).map(({ type }) => type)
      deepStrictEqual(types, [
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "CUSTOM",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
      ])
    }),
  )

  it.effect("runs its finally block when the run is interrupted", () =>
    Effect.gen(function* () {
      let ended = false
      const execute = Executor.from(async function* () {
        try {
          for (;;) yield "x"
        } finally {
          ended = true
        }
      })
      yield* Stream.runDrain(Stream.take(Executor.toStream(execute)(claimed()), 3))
      assertTrue(ended)
    }),
  )
})

describe("an exception in an executor", () => {
  const thrown = new Error("out of paper")
  const sources: Readonly<Record<string, () => Executor.Source<unknown, never>>> = {
    "in a Promise": () => Effect.tryPromise({ try: () => Promise.reject(thrown), catch: (error) => error }),
    "in an async generator": async function* () {
      yield "half"
      throw thrown
    },
    "in the function itself": () => {
      throw thrown
    },
  }
  for (const [where, source] of Object.entries(sources)) {
    it.live(`is logged by the worker with its stack: ${where}`, () =>
      Effect.gen(function* () {
        const logged: Array<{ readonly text: string; readonly runId: unknown }> = []
        const logger = Logger.make<unknown, void>((entry) => {
          logged.push({
            text: Logger.stringLogger.log(entry),
            runId: Option.getOrUndefined(HashMap.get(entry.annotations, "run_id")),
          })
        })
        const events = yield* Effect.provide(logOf(source), Logger.replace(Logger.defaultLogger, logger))
        strictEqual(events.at(-1)?.type, "RUN_ERROR")
        const entry = logged.find(({ text }) => text.includes("The executor threw"))
        assertTrue(entry !== undefined && entry.text.includes("out of paper"))
        assertTrue(entry.text.includes("Emit.test.ts"))
        assertTrue(typeof entry.runId === "string")
      }),
    )
  }

  it.live("is not logged for an ExecutorError", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make<unknown, void>((entry) => void logged.push(Logger.stringLogger.log(entry)))
      const failing = () => Effect.fail(new ExecutorError({ code: "busy", message: "later" }))
      yield* Effect.provide(logOf(failing), Logger.replace(Logger.defaultLogger, logger))
      deepStrictEqual(
        logged.filter((text) => text.includes("The executor threw")),
        [],
      )
    }),
  )
})
