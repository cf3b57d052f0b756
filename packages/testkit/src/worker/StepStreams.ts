/**
 * Tests of steps that are parts of a Stream.
 */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, RunLog, Step, StepRecord } from "@runlease/core"
import { Effect, Option, Ref, Schema, Stream, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, until, untilStatus } from "../TestWorker.js"
import { counting, customs, textsOf } from "./StepRuns.js"

const died = Executor.retryableError("died", "again")

const text = (id: string, ...deltas: ReadonlyArray<string>) =>
  Stream.make(
    AgentEvent.textStart(id),
    ...deltas.map((delta) => AgentEvent.textContent(id, delta)),
    AgentEvent.textEnd(id),
  )

/** What comes after the step: the value, and the end of the attempt unless it is the last. */
const shows = (attempt: number, last: number) => (value: unknown) =>
  attempt < last ? Stream.fail(died) : text(`m-${attempt}`, JSON.stringify(value))

const records = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) => Option.toArray(StepRecord.fromEvent(event)).map(({ record }) => record))

export const tests = (test: Declare): void => {
  describe("a step that is a part of a Stream", () => {
    test(
      "shows its events once and records its result after them, with what they have opened",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const calls = Stream.make(AgentEvent.toolCallStart("c", "find"), AgentEvent.toolCallEnd("c"))
        yield* start(
          Executor.from(({ attempt }) =>
            Step.stream("draft", Stream.concat(text("draft", "one ", "two"), calls), next, shows(attempt, 3)),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [1, ["one ", "two", "1"]])
        const events = yield* log(runId)
        const [record, ...others] = records(events)
        deepStrictEqual(
          [record?.name, record?.result, record?.messages, record?.tool_calls, others],
          ["draft", "1", ["draft"], ["c"], []],
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
      "goes on with what its record has, in each attempt",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ attempt }) =>
            Step.stream("when", Stream.empty, Effect.succeed(new Date(0)), (when) =>
              Stream.concat(
                text(`says-${attempt}`, typeof when),
                attempt === 1 ? Stream.fail(died) : Stream.empty,
              ),
            ),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["string", "string"])
      }),
    )

    test(
      "is in the log before the stream goes on",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ runId }) =>
            Step.stream("draft", Stream.empty, Effect.succeed("draft"), () =>
              Stream.unwrap(
                Effect.gen(function* () {
                  const entries = yield* (yield* RunLog.RunLog).read({ runId })
                  return text("m", String(entries.some(({ event }) => StepRecord.isReserved(event))))
                }),
              ),
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
        yield* start(
          Executor.from(({ attempt }) =>
            Step.stream(
              "draft",
              attempt < 3
                ? Stream.concat(text(`half-${attempt}`, "half "), Stream.fail(died))
                : text("whole", "whole "),
              next,
              shows(attempt, 3),
            ),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [1, ["half ", "half ", "whole ", "1"]])
        deepStrictEqual(
          records(yield* log(runId)).map(({ messages }) => messages),
          [["whole"]],
        )
      }),
    )

    test(
      "records a failure that has a schema, of its body as of its result, and fails with it again",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const failing = Effect.zipRight(next, Effect.fail("no"))
        const caught = (name: string, events: Stream.Stream<AgentEvent.AgentEvent, string>) =>
          Step.stream(name, events, failing, () => Stream.empty, { failure: Schema.String }).pipe(
            Stream.catchAll((error) => text(`${name} ${String(error)}`, name)),
          )
        yield* start(
          Executor.from(({ attempt }) =>
            caught("body", Stream.fromEffect(failing)).pipe(
              Stream.concat(caught("result", text("r", "r"))),
              Stream.concat(Stream.suspend(() => shows(attempt, 2)("done"))),
            ),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(
          [yield* count, yield* textsOf(runId)],
          [2, ["body", "r", "result", "body", "result", JSON.stringify("done")]],
        )
      }),
    )

    test(
      "knows the step that it is in, and is refused when the attempt has had one of its name and key",
      Effect.gen(function* () {
        const ids = yield* Ref.make<ReadonlyArray<string>>([])
        const note = Effect.flatMap(Step.CurrentStep, ({ id }) => Ref.update(ids, (all) => [...all, id]))
        const draft = (
          key: number,
          next: () => Stream.Stream<AgentEvent.AgentEvent, Step.StepError, never>,
        ) => Step.stream("draft", Stream.execute(note), note, next, { key })
        yield* start(
          Executor.from(() =>
            Stream.concat(
              draft(1, () => Stream.empty),
              Stream.concat(
                draft(2, () => Stream.empty),
                draft(1, () => Stream.empty),
              ),
            ),
          ),
        )
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        const expected = [1, 2].map((key) => StepRecord.stepIdOf({ within: undefined, name: "draft", key }))
        deepStrictEqual(
          [error?.code, yield* Ref.get(ids)],
          ["step_duplicate", expected.flatMap((id) => [id, id])],
        )
      }),
    )

    test(
      "is in flight, so a sleep beside it suspends the run only after it",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const goOn = yield* Effect.makeLatch()
        const sleeping = Stream.execute(Step.sleep("pause", "1 minute"))
        yield* start(
          Executor.from(() =>
            Stream.merge(
              sleeping,
              Step.stream("draft", Stream.execute(goOn.await), next, () => Stream.empty),
            ),
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
}
