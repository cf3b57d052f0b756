/** Tests of what steps write: the texts of Streams, the marks of attempts, and how many appends to the log they cost. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, AgentEvent, Emit, Executor, type Run, RunLog, Step, StepRecord } from "@runlease/core"
import { Array, Effect, Option, Ref, Schema, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, until, untilStatus } from "../TestWorker.js"
import { counting, customs, dyingBefore, textsOf } from "./StepRuns.js"

const died = Executor.retryableError("died", "again")

const text = (id: string, ...deltas: ReadonlyArray<string>) =>
  Stream.make(
    AgentEvent.textStart(id),
    ...deltas.map((delta) => AgentEvent.textContent(id, delta)),
    AgentEvent.textEnd(id),
  )

const records = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) => Option.toArray(StepRecord.fromEvent(event)).map(({ record }) => record))

export const tests = (test: Declare): void => {
  test.describe("a step whose body is a Stream", () => {
    test(
      "shows its events once and records its text after them, with what they have opened",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const calls = Stream.make(AgentEvent.toolCallStart("c", "find"), AgentEvent.toolCallEnd("c"))
        yield* dyingBefore(3, () =>
          Step.stream(
            "draft",
            text("draft", "one ", "two").pipe(Stream.concat(calls), Stream.concat(Stream.execute(next))),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(
          [yield* count, yield* textsOf(runId)],
          [1, ["one ", "two", JSON.stringify("one two")]],
        )
        const events = yield* log(runId)
        const [record, ...others] = records(events)
        deepStrictEqual(
          [record?.name, record?.result, record?.messages, record?.tool_calls, others],
          ["draft", JSON.stringify("one two"), ["draft"], ["c"], []],
        )
        const at = events.findIndex(StepRecord.isReserved)
        deepStrictEqual(
          events.slice(at - 8, at).map(({ type }) => type),
          [
            "STEP_STARTED",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_CONTENT",
            "TEXT_MESSAGE_END",
            "TOOL_CALL_START",
            "TOOL_CALL_END",
            "STEP_FINISHED",
          ],
        )
      }),
    )

    test(
      "makes one message of its strings, which later text is no part of",
      Effect.gen(function* () {
        yield* dyingBefore(2, () => Step.stream("draft", Stream.make("one ", "two")))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["one ", "two", JSON.stringify("one two")])
        const starts = (yield* log(runId)).filter(AgentEvent.is("TEXT_MESSAGE_START"))
        const [record] = records(yield* log(runId))
        strictEqual(starts.length, 2)
        deepStrictEqual(record?.messages, [starts[0]!.messageId])
      }),
    )

    test(
      "returns what its record has, in each attempt: a result at its end in place of the text",
      Effect.gen(function* () {
        const results = yield* Ref.make<ReadonlyArray<unknown>>([])
        yield* dyingBefore(2, () =>
          Step.stream("when", Stream.make("at ", Agent.result(new Date(0))), { schema: Schema.Date }).pipe(
            Effect.tap((when) => Ref.update(results, (all) => [...all, when])),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* Ref.get(results), [new Date(0), new Date(0)])
      }),
    )

    test(
      "is in the log before the program continues",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ runId }) =>
            Effect.zipRight(
              Step.stream("draft", Stream.make(Agent.result("draft"))),
              Effect.gen(function* () {
                const entries = yield* (yield* RunLog.RunLog).read({ runId })
                return String(entries.some(({ event }) => StepRecord.isReserved(event)))
              }),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["true"])
      }),
    )

    test(
      "runs again in an attempt after one that died in it, and leaves that one's events without a record",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* dyingBefore(3, ({ attempt }) =>
          Step.stream(
            "draft",
            attempt < 3
              ? Stream.concat(text(`half-${attempt}`, "half "), Stream.fail(died))
              : Stream.concat(text("whole", "whole "), Stream.execute(next)),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(
          [yield* count, yield* textsOf(runId)],
          [1, ["half ", "half ", "whole ", JSON.stringify("whole ")]],
        )
        deepStrictEqual(
          records(yield* log(runId)).map(({ messages }) => messages),
          [["whole"]],
        )
      }),
    )

    test(
      "records a failure that has a schema, and fails with it again",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const failing = Stream.concat(Stream.make("half "), Stream.execute(next)).pipe(
          Stream.concat(Stream.fail("no")),
        )
        yield* dyingBefore(2, () => Effect.flip(Step.stream("draft", failing, { failure: Schema.String })))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [1, ["half ", JSON.stringify("no")]])
      }),
    )

    test(
      "knows the step that it is in, and is refused when the attempt has had one of its name and key",
      Effect.gen(function* () {
        const ids = yield* Ref.make<ReadonlyArray<string>>([])
        const note = Effect.flatMap(Step.CurrentStep, ({ id }) => Ref.update(ids, (all) => [...all, id]))
        const draft = (key: number) => Step.stream("draft", Stream.execute(note), { key })
        yield* start(Executor.from(() => Effect.forEach([1, 2, 1], draft, { discard: true })))
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        const expected = [1, 2].map((key) => StepRecord.stepIdOf({ within: undefined, name: "draft", key }))
        deepStrictEqual([error?.code, yield* Ref.get(ids)], ["step_duplicate", expected])
      }),
    )

    test(
      "is in flight, so a sleep meanwhile suspends the run only after it",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const goOn = yield* Effect.makeLatch()
        const body = Stream.concat(Stream.execute(goOn.await), Stream.execute(next))
        yield* start(
          Executor.from(() =>
            Effect.all([Step.sleep("pause", "1 minute"), Step.stream("draft", body)], {
              concurrency: "unbounded",
              discard: true,
            }),
          ),
        )
        const { runId } = yield* submit({ maxAttempts: 1 })
        yield* until(customs(runId), (names) => names.includes("runlease.sleep"))
        yield* TestRuns.settle
        yield* TestClock.adjust("1 second")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "running")
        yield* goOn.open
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "waiting", {
          step: "10 millis",
          within: "2 seconds",
        })
        yield* TestClock.adjust("1 minute")
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 1)
      }),
    )
  })

  test.describe("an attempt that records a step", () => {
    test(
      "counts as the first, so a run continues for as long as it makes progress",
      Effect.gen(function* () {
        yield* recording(4, 4)
        const { runId } = yield* submit({ maxAttempts: 2 })
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["Attempt 4"])
        deepStrictEqual(yield* attempts(runId), [2, 2, 2])
      }),
    )

    test(
      "is followed by as many without one as a run may have, and no more",
      Effect.gen(function* () {
        yield* recording(2, 9)
        const { runId } = yield* submit({ maxAttempts: 3 })
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "died")
        deepStrictEqual(yield* attempts(runId), [2, 2, 3])
      }),
    )

    test(
      "has no second one where the run has one attempt",
      Effect.gen(function* () {
        yield* recording(9, 9)
        const { runId } = yield* submit({ maxAttempts: 1 })
        yield* untilStatus(runId, "failed")
        deepStrictEqual(yield* attempts(runId), [])
      }),
    )
  })

  test.describe("the 10,001st step of a run", () => {
    test(
      "is refused, with those of earlier attempts and of the present one counted",
      Effect.gen(function* () {
        const dead = yield* TestRuns.hold(yield* TestRuns.register())
        const records = Array.makeBy(9_999, (key) =>
          AgentEvent.custom("runlease.step", {
            step_id: StepRecord.stepIdOf({ within: undefined, name: "before", key }),
            record_id: String(key),
            name: "before",
            key,
            result: "0",
          }),
        )
        for (const batch of Array.chunksOf(records, RunLog.maxBatch)) yield* TestRuns.append(dead, batch)
        yield* TestRuns.lapse
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Step.run("before", Effect.succeed(1), { key: 0 })
              yield* Step.run("last", Effect.void)
              yield* Step.run("too many", Effect.void)
            }),
          ),
        )
        const { error } = yield* untilStatus(dead.runId, "failed")
        strictEqual(error?.code, "step_too_many", JSON.stringify(error))
      }),
    )
  })

  test.describe("a step", () => {
    let appends = 0
    const countAppends = Faults.over(RunLog.RunLog, (runLog) => ({
      ...runLog,
      append: (request) =>
        Effect.suspend(() => {
          appends += 1
          return runLog.append(request)
        }),
    }))

    test(
      "costs one append, also with events that it emits at once",
      Effect.gen(function* () {
        appends = 0
        const events = ["a", "b"].map((id) => AgentEvent.custom("noted", { id }))
        const noted = Effect.forEach(events, Emit.event, { discard: true })
        yield* start(
          Executor.from(() =>
            Effect.forEach(
              [Effect.void, noted, noted, Effect.void],
              (body, key) => Step.run("note", body, { key }),
              { discard: true },
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual((yield* customs(runId)).filter((name) => name === "runlease.step").length, 4)
        strictEqual(appends, 4)
      }),
      countAppends,
    )

    test(
      "costs one append more than its events, where each of these is in the log before the next",
      Effect.gen(function* () {
        appends = 0
        yield* start(
          Executor.from(({ runId }) =>
            Step.run(
              "note",
              Effect.forEach(["first", "second", "third"], (name) =>
                Effect.zipRight(
                  Emit.event(AgentEvent.custom(name, {})),
                  until(customs(runId), (names) => names.includes(name)),
                ),
              ).pipe(Effect.asVoid),
            ),
          ),
          { appendLinger: 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* customs(runId), ["first", "second", "third", "runlease.step"])
        strictEqual(appends, 4)
      }),
      countAppends,
    )
  })
}

/** The numbers of the later attempts, as the log has them. */
const attempts = (runId: Run.Run["runId"]) =>
  Effect.map(log(runId), (events) =>
    events.flatMap(({ name, value }) =>
      name === "runlease.attempt" ? [(value as { readonly attempt?: number }).attempt] : [],
    ),
  )

/** A worker whose executor records steps in this many attempts, one in each, and dies in all before `last`. */
const recording = (recorded: number, last: number) =>
  Effect.flatMap(Ref.make(0), (attempts) =>
    start(
      Executor.from(() =>
        Effect.gen(function* () {
          const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
          if (attempt <= recorded) yield* Step.run("work", Effect.void, { key: attempt })
          return attempt < last ? yield* Executor.retryableError("died", "again") : `Attempt ${attempt}`
        }),
      ),
      { retryDelay: () => 0 },
    ),
  )
