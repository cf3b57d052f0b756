/**
 * What every `RunLog` must do: append once, under a cursor, for the holder alone; and tell all of it.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { EventId, Sequence } from "@runlease/core/Run"
import { type AppendRequest, maxBatch, maxEventBytes, RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer, Option } from "effect"
import * as FollowSuite from "./FollowSuite.js"
import * as TestRuns from "./TestRuns.js"

const event = (value: number) => AgentEvent.custom("test", value)
const unknownRun = Ids.RunId.make("unknown")

/** Appends and gives the verdict's name. */
const appending = (request: AppendRequest) =>
  Effect.flatMap(RunLog, (log) => TestRuns.verdictOf(log.append(request)))

/**
 * Declares the tests of `RunLog`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`RunLog (${name})`, () => {
    test(
      "numbers events and steps of the sequence, and keeps events as given",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const foreign = { type: "SOMETHING_ELSE", nested: { list: [1, null, "é\u2028"], empty: {} } }
        const appended = yield* TestRuns.append(held, [event(1), foreign])
        strictEqual(appended.latestEventId, 3)
        strictEqual(appended.latestSequence, 2)
        strictEqual(appended.appendedCount, 2)
        const entries = yield* log.read({ runId: held.runId })
        deepStrictEqual(
          entries.map((entry) => [entry.eventId, entry.sequence]),
          [
            [1, null],
            [2, 1],
            [3, 2],
          ],
        )
        deepStrictEqual(entries[2]?.event, foreign)
        const run = yield* TestRuns.getRun(held.runId)
        strictEqual(run.latestEventId, 3)
        strictEqual(run.latestSequence, 2)
      }),
    )

    test(
      "reads a page after an event",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [event(1), event(2), event(3), event(4)])
        const page = yield* log.read({ runId: held.runId, after: EventId.make(2), limit: 2 })
        deepStrictEqual(
          page.map((entry) => entry.event["value"]),
          [2, 3],
        )
        deepStrictEqual(yield* log.read({ runId: held.runId, after: EventId.make(5) }), [])
        strictEqual(yield* TestRuns.verdictOf(log.read({ runId: unknownRun })), "RunNotFound")
      }),
    )

    test(
      "reads pages that are bounded in bytes, of one event at least",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        // Four of them and the first event are less than a page, five are more.
        const large = AgentEvent.custom("large", "\u00e9".repeat(maxEventBytes / 2 - 100))
        for (let batch = 0; batch < 2; batch++) {
          yield* TestRuns.append(
            held,
            Array.from({ length: 5 }, () => large),
          )
        }
        const pages: Array<ReadonlyArray<number>> = []
        let after = EventId.make(0)
        for (;;) {
          const page = yield* log.read({ runId: held.runId, after, limit: 1000 })
          if (page.length === 0) break
          pages.push(page.map(({ eventId }) => eventId))
          after = page.at(-1)!.eventId
        }
        deepStrictEqual(pages, [
          [1, 2, 3, 4, 5],
          [6, 7, 8, 9],
          [10, 11],
        ])
      }),
    )

    test(
      "takes a replay of the whole batch without a second copy",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const fence = TestRuns.leaseOf(held)
        const bySequence = {
          runId: held.runId,
          events: [event(1), event(2)],
          expectedSequence: Sequence.make(0),
          fence,
        }
        strictEqual((yield* log.append(bySequence)).appendedCount, 2)
        const byEvent = {
          runId: held.runId,
          events: [event(1), event(2)],
          expectedEventId: EventId.make(1),
          fence,
        }
        const both = { ...bySequence, ...byEvent }
        // The order of keys says nothing.
        const shuffled = {
          ...bySequence,
          events: [{ value: 1, name: "test", type: "CUSTOM" }, event(2)],
        }
        for (const request of [bySequence, byEvent, both, shuffled]) {
          const again = yield* log.append(request)
          strictEqual(again.appendedCount, 0)
          strictEqual(again.latestEventId, 3)
          strictEqual(again.latestSequence, 2)
        }
        strictEqual((yield* TestRuns.eventsOf(held.runId)).length, 3)
      }),
    )

    test(
      "adds only the rest when the beginning of the batch is there",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [event(1), event(2)])
        const appended = yield* log.append({
          runId: held.runId,
          events: [event(1), event(2), event(3)],
          expectedSequence: Sequence.make(0),
          fence: TestRuns.leaseOf(held),
        })
        strictEqual(appended.appendedCount, 1)
        strictEqual(appended.latestSequence, 3)
        deepStrictEqual(
          (yield* TestRuns.eventsOf(held.runId, 1)).map((each) => each["value"]),
          [1, 2, 3],
        )
        // The same from the middle of the log, by either cursor.
        for (const [value, cursor] of [
          [4, { expectedSequence: Sequence.make(2) }],
          [5, { expectedEventId: EventId.make(3) }],
        ] as const) {
          const events = Array.from({ length: value - 2 }, (_, index) => event(index + 3))
          const fence = TestRuns.leaseOf(held)
          const more = yield* log.append({ runId: held.runId, events, fence, ...cursor })
          strictEqual(more.appendedCount, 1)
          strictEqual<number>(more.latestSequence, value)
        }
      }),
    )

    test(
      "refuses a cursor that is not where the log is",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [event(1), event(2)])
        const base = { runId: held.runId, events: [event(3)], fence: TestRuns.leaseOf(held) }
        const refused: ReadonlyArray<Partial<AppendRequest>> = [
          { expectedSequence: Sequence.make(3) },
          { expectedSequence: Sequence.make(1) },
          { expectedSequence: Sequence.make(0) },
          { expectedEventId: EventId.make(4) },
          { expectedEventId: EventId.make(0) },
          // Each is right somewhere, yet not both in one place.
          { expectedEventId: EventId.make(3), expectedSequence: Sequence.make(1) },
          { expectedEventId: EventId.make(1), expectedSequence: Sequence.make(2) },
          // A batch that is shorter than what is there, and one that differs after a common beginning.
          { events: [event(1)], expectedSequence: Sequence.make(0) },
          { events: [event(1), event(9), event(3)], expectedSequence: Sequence.make(0) },
        ]
        for (const request of refused) {
          strictEqual(yield* appending({ ...base, ...request }), "CursorMismatch", JSON.stringify(request))
        }
        strictEqual((yield* TestRuns.eventsOf(held.runId)).length, 3)
        const right = { expectedEventId: EventId.make(3), expectedSequence: Sequence.make(2) }
        strictEqual(yield* appending({ ...base, ...right }), "Succeeded")
      }),
    )

    test(
      "applies one of many concurrent appends at one cursor",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const verdicts = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, index) => index),
          (index) =>
            appending({
              runId: held.runId,
              events: [event(index)],
              expectedSequence: Sequence.make(0),
              fence: TestRuns.leaseOf(held),
            }),
          { concurrency: "unbounded" },
        )
        strictEqual(verdicts.filter((verdict) => verdict === "Succeeded").length, 1)
        strictEqual(verdicts.filter((verdict) => verdict === "CursorMismatch").length, 9)
        strictEqual((yield* TestRuns.eventsOf(held.runId)).length, 2)
      }),
    )

    test(
      "without a cursor always adds",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [event(1)])
        strictEqual((yield* TestRuns.append(held, [event(1)])).latestSequence, 2)
      }),
    )

    test(
      "refuses what cannot be logged, with nothing of the batch",
      Effect.gen(function* () {
        const log = yield* RunLog
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const refusalOf = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
          log.append({ runId: held.runId, events, fence: TestRuns.leaseOf(held) }).pipe(
            Effect.match({
              onSuccess: () => Option.none(),
              onFailure: (error) => Option.some({ tag: error._tag, message: error.message }),
            }),
            Effect.map((refusal) => {
              assertTrue(Option.isSome(refusal))
              strictEqual(refusal.value.tag, "EventRefused")
              return refusal.value.message
            }),
          )
        yield* refusalOf([event(1), { type: "RUN_FINISHED", threadId: "t", runId: "r" }])
        yield* refusalOf([{ type: "RUN_ERROR", message: "No" }])
        yield* refusalOf([event(1), { type: "" }])
        yield* refusalOf([])
        yield* refusalOf(Array.from({ length: maxBatch + 1 }, (_, index) => event(index)))
        const message = yield* refusalOf([
          event(1),
          AgentEvent.textContent("m", "\u20ac".repeat(maxEventBytes / 3)),
        ])
        assertTrue(message.includes("payload must be less than"), message)
        deepStrictEqual(yield* TestRuns.typesOf(held.runId), ["RUN_STARTED"])
      }),
    )

    test(
      "takes the largest batch, and an event just under the largest size",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const batch = Array.from({ length: maxBatch }, (_, index) => event(index))
        strictEqual((yield* TestRuns.append(held, batch)).appendedCount, maxBatch)
        const large = AgentEvent.textContent("m", "x".repeat(maxEventBytes - 100))
        strictEqual((yield* TestRuns.append(held, [large])).appendedCount, 1)
        deepStrictEqual((yield* TestRuns.eventsOf(held.runId, maxBatch + 1))[0], large)
      }),
    )

    test(
      "a former holder appends nothing, even when it is the worker that holds the run again",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const first = yield* TestRuns.hold(worker)
        const request = { runId: first.runId, events: [event(1)], fence: TestRuns.leaseOf(first) }
        yield* TestRuns.lapse
        strictEqual(yield* appending(request), "LeaseLost")
        yield* TestRuns.claimOne(other)
        strictEqual(yield* appending(request), "LeaseLost")
        yield* TestRuns.lapse
        const third = yield* TestRuns.claimOne(worker)
        strictEqual(yield* appending(request), "LeaseLost")
        strictEqual(yield* appending({ ...request, fence: TestRuns.leaseOf(third) }), "Succeeded")
        strictEqual((yield* TestRuns.getRun(first.runId)).latestSequence, 1)
      }),
    )

    test(
      "goes by the owner alone when the fence has no epoch",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        const request = { runId: held.runId, events: [event(1)], fence: { workerId: worker, epoch: null } }
        strictEqual(yield* appending(request), "Succeeded")
        const fence = { workerId: yield* TestRuns.register("other"), epoch: null }
        strictEqual(yield* appending({ ...request, fence }), "LeaseLost")
      }),
    )

    test(
      "checks the run, the fence, the end, the wait, the events and the cursor, in this order",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const bad = { events: [{ type: "" }], expectedSequence: Sequence.make(7) }
        const held = yield* TestRuns.hold(worker)
        const fence = TestRuns.leaseOf(held)
        const stranger = { ...fence, workerId: other }
        const { runId } = held
        strictEqual(yield* appending({ ...bad, runId: unknownRun, fence }), "RunNotFound")
        strictEqual(yield* appending({ ...bad, runId, fence: stranger }), "LeaseLost")
        strictEqual(yield* appending({ ...bad, runId, fence }), "EventRefused")
        strictEqual(yield* appending({ ...bad, events: [event(1)], runId, fence }), "CursorMismatch")

        yield* leases.suspend(fence, TestRuns.forToolCall())
        strictEqual(yield* appending({ ...bad, runId, fence }), "LeaseLost")
        strictEqual(yield* appending({ ...bad, runId }), "RunWaiting")

        yield* runs.cancel(runId)
        strictEqual(yield* appending({ ...bad, runId }), "RunEnded")
      }),
    )

    test(
      "tells the holder of a run that was cancelled that it has ended",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const held = yield* TestRuns.hold(worker)
        const request = { runId: held.runId, events: [event(1)], fence: TestRuns.leaseOf(held) }
        yield* runs.cancel(held.runId)
        strictEqual(yield* appending(request), "RunEnded")
        strictEqual(
          yield* appending({ ...request, fence: { ...request.fence, workerId: other } }),
          "LeaseLost",
        )
      }),
    )

    test(
      "takes events without a fence from whoever drives a run",
      Effect.gen(function* () {
        const run = yield* TestRuns.submit({ initialStatus: "running" })
        strictEqual(run.latestEventId, 1)
        strictEqual(yield* appending({ runId: run.runId, events: [event(1)] }), "Succeeded")
        deepStrictEqual(yield* TestRuns.typesOf(run.runId), ["RUN_STARTED", "CUSTOM"])
      }),
    )

    test(
      "closes what a dead attempt left open, and marks the attempt",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const held = yield* TestRuns.hold(worker)
        yield* TestRuns.append(held, [
          AgentEvent.stepStarted("closed"),
          AgentEvent.stepFinished("closed"),
          AgentEvent.stepStarted("plan"),
          { type: "SUBAGENT_STARTED", subagentRunId: "sub", name: "helper" },
          { type: "REASONING_START", messageId: "r" },
          { type: "REASONING_MESSAGE_START", messageId: "r", role: "reasoning" },
          AgentEvent.textStart("m"),
          AgentEvent.textContent("m", "Hel"),
          AgentEvent.toolCallStart("call", "search"),
        ])
        const { latestEventId } = yield* TestRuns.getRun(held.runId)
        yield* TestRuns.lapse
        const again = yield* TestRuns.claimOne(other)
        const closings = yield* TestRuns.eventsOf(held.runId, latestEventId)
        deepStrictEqual(
          closings.map((each) => each.type),
          [
            "TOOL_CALL_END",
            "TEXT_MESSAGE_END",
            "REASONING_MESSAGE_END",
            "REASONING_END",
            "SUBAGENT_ERROR",
            "STEP_FINISHED",
            "CUSTOM",
          ],
        )
        deepStrictEqual(closings.at(-1), {
          type: "CUSTOM",
          name: "runlease.attempt",
          value: {
            previous: { attempt: 1, worker_id: worker, ended: "lease_expired" },
            attempt: 2,
            worker_id: other,
          },
        })
        strictEqual(again.latestEventId, latestEventId + closings.length)
        // The control plane's own events take no step of the sequence.
        strictEqual(again.latestSequence, 9)
      }),
    )

    test(
      "marks the tool calls that a cancellation leaves without a result",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const call = (id: string) => [AgentEvent.toolCallStart(id, "search"), AgentEvent.toolCallEnd(id)]
        yield* TestRuns.append(held, [
          ...call("answered"),
          AgentEvent.toolCallResult("answer", "answered", "found"),
          ...call("running"),
          AgentEvent.toolCallStart("written", "search"),
        ])
        const { latestEventId } = yield* TestRuns.getRun(held.runId)
        const runs = yield* Runs
        yield* runs.cancel(held.runId)
        const closings = yield* TestRuns.eventsOf(held.runId, latestEventId)
        deepStrictEqual(
          closings.map(({ toolCallId, type }) => [type, toolCallId]),
          [
            ["TOOL_CALL_RESULT", "running"],
            ["TOOL_CALL_END", "written"],
            ["TOOL_CALL_RESULT", "written"],
            ["RUN_FINISHED", undefined],
          ],
        )
        for (const event of closings.filter(({ type }) => type === "TOOL_CALL_RESULT")) {
          assertTrue(AgentEvent.isToolCallFailure(event))
          strictEqual(event["content"], "This tool call was cancelled")
        }
      }),
    )

    test(
      "closes what is open before the end",
      Effect.gen(function* () {
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [AgentEvent.stepStarted("plan"), AgentEvent.textStart("m")])
        yield* TestRuns.complete(held)
        deepStrictEqual(yield* TestRuns.typesOf(held.runId, 3), [
          "TEXT_MESSAGE_END",
          "STEP_FINISHED",
          "RUN_FINISHED",
        ])
      }),
    )
  })

  FollowSuite.suite(name, layer)
}
