/** What every `RunLog` must do: append once, under a cursor and a fence, and return every entry. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { EventId, Sequence } from "@runlease/core/Run"
import {
  type AppendRequest,
  maxBatch,
  maxEventBytes,
  maxReadBytes,
  maxReadLimit,
  RunLog,
} from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer, Option } from "effect"
import * as FollowSuite from "./FollowSuite.js"
import * as TestRuns from "./TestRuns.js"

const event = (value: number) => AgentEvent.custom("test", value)

const unknownRun = Ids.RunId.make("unknown")

const entryTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "the records of steps are read apart from the other events, in pages",
    Effect.gen(function* () {
      const log = yield* RunLog
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { runId } = claimed
      const record = (id: string) =>
        AgentEvent.custom("runlease.step", { step_id: id, record_id: id, name: id })
      const others = Array.from({ length: maxBatch - 1 }, (_, index) => event(index))
      deepStrictEqual(yield* log.read({ runId, only: "records" }), [])
      for (const id of ["a", "b", "c"]) yield* TestRuns.append(claimed, [...others, record(id)])
      const whole = yield* log.read({ runId, only: "records" })
      deepStrictEqual(
        whole.map(({ event }) => event),
        ["a", "b", "c"].map(record),
      )
      deepStrictEqual(
        whole.map(({ eventId, sequence }) => [Number(eventId), Number(sequence)]),
        [1, 2, 3].map((batch) => [1 + batch * maxBatch, batch * maxBatch]),
      )
      const [first] = yield* log.read({ runId, only: "records", limit: 1 })
      const rest = yield* log.read({ runId, only: "records", after: first!.eventId })
      deepStrictEqual([first!, ...rest], whole)
      deepStrictEqual(yield* log.read({ runId, only: "records", after: rest.at(-1)!.eventId }), [])
      strictEqual(yield* TestRuns.verdictOf(log.read({ runId: unknownRun, only: "records" })), "RunNotFound")
    }),
  )

  test(
    "a page of records is full: it ends with its limit, or with its bytes",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const { runId } = claimed
      const record = (id: string, result = "1") =>
        AgentEvent.custom("runlease.step", { step_id: id, record_id: id, name: "n", result })
      const small = Array.from({ length: maxBatch }, (_, index) => record(String(index)))
      for (let batch = 0; batch < 11; batch++) yield* TestRuns.append(claimed, small)
      const large = record("large", "x".repeat(maxEventBytes - 1_000))
      for (let count = 0; count < 6; count++) yield* TestRuns.append(claimed, [event(count), large])
      const pages: Array<number> = []
      for (let after = EventId.make(0); ;) {
        const page = yield* log.read({ runId, after, limit: maxReadLimit, only: "records" })
        const bytes = page.reduce((sum, { event }) => sum + JSON.stringify(event).length, 0)
        assertTrue(bytes <= maxReadBytes, `${bytes} bytes`)
        if (page.length === 0) break
        pages.push(page.length)
        after = page.at(-1)!.eventId
      }
      deepStrictEqual(pages, [1_000, 104, 2])
    }),
  )

  test(
    "events of a type or a name are read apart from the others, in pages of what matches",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const { runId } = claimed
      const others = Array.from({ length: maxBatch - 3 }, () => ({
        type: "TEXT_MESSAGE_CONTENT",
        messageId: "m",
        delta: "x",
      }))
      for (let batch = 0; batch < 12; batch++) {
        const named = AgentEvent.custom("wanted", batch)
        const record = AgentEvent.custom("runlease.step", { step_id: `s${batch}`, record_id: "r", name: "n" })
        yield* TestRuns.append(claimed, [...others, record, named, { type: "RAW", event: batch }])
      }
      const all = (filter: object) =>
        Effect.gen(function* () {
          const pages: Array<ReadonlyArray<number>> = []
          for (let after = EventId.make(0); ;) {
            const page = yield* log.read({ runId, after, limit: 5, ...filter })
            pages.push(page.map(({ eventId }) => eventId))
            if (page.length === 0) return pages.flat()
            assertTrue(page.length <= 5)
            after = page.at(-1)!.eventId
          }
        })
      const at = (offset: number) => Array.from({ length: 12 }, (_, batch) => 1 + batch * maxBatch + offset)
      deepStrictEqual(yield* all({ name: "wanted" }), at(maxBatch - 1))
      deepStrictEqual(yield* all({ types: ["RAW"] }), at(maxBatch))
      deepStrictEqual(yield* all({ types: ["CUSTOM"], name: "wanted" }), at(maxBatch - 1))
      deepStrictEqual(
        yield* all({ types: ["CUSTOM", "RAW"] }),
        at(maxBatch).flatMap((raw) => [raw - 2, raw - 1, raw]),
      )
      deepStrictEqual(yield* all({ only: "records", name: "runlease.step" }), at(maxBatch - 2))
      deepStrictEqual(yield* all({ only: "records", name: "runlease.sleep" }), [])
      deepStrictEqual(yield* all({ types: ["RAW"], name: "wanted" }), [])
      strictEqual((yield* log.read({ runId, types: [], limit: 5 })).length, 5)
      strictEqual(yield* TestRuns.verdictOf(log.read({ runId: unknownRun, name: "wanted" })), "RunNotFound")
    }),
  )

  test(
    "append numbers the events and stores them unchanged",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const foreign = { type: "SOMETHING_ELSE", nested: { list: [1, null, "é\u2028"], empty: {} } }
      const appended = yield* TestRuns.append(claimed, [event(1), foreign])
      strictEqual(appended.latestEventId, 3)
      strictEqual(appended.latestSequence, 2)
      strictEqual(appended.appendedCount, 2)
      const entries = yield* log.read({ runId: claimed.runId })
      deepStrictEqual(
        entries.map((entry) => [entry.eventId, entry.sequence]),
        [
          [1, null],
          [2, 1],
          [3, 2],
        ],
      )
      deepStrictEqual(entries[2]?.event, foreign)
      const run = yield* TestRuns.getRun(claimed.runId)
      strictEqual(run.latestEventId, 3)
      strictEqual(run.latestSequence, 2)
    }),
  )

  test(
    "read returns a page after an event",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1), event(2), event(3), event(4)])
      const page = yield* log.read({ runId: claimed.runId, after: EventId.make(2), limit: 2 })
      deepStrictEqual(
        page.map((entry) => entry.event["value"]),
        [2, 3],
      )
      deepStrictEqual(yield* log.read({ runId: claimed.runId, after: EventId.make(5) }), [])
      strictEqual(yield* TestRuns.verdictOf(log.read({ runId: unknownRun })), "RunNotFound")
    }),
  )

  test(
    "read limits a page in bytes, and a page has at least one event",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      // Four of them and the first event are less than a page, five are more.
      const large = AgentEvent.custom("large", "\u00e9".repeat(maxEventBytes / 2 - 100))
      for (let batch = 0; batch < 2; batch++) {
        yield* TestRuns.append(
          claimed,
          Array.from({ length: 5 }, () => large),
        )
      }
      const pages: Array<ReadonlyArray<number>> = []
      let after = EventId.make(0)
      for (;;) {
        const page = yield* log.read({ runId: claimed.runId, after, limit: 1000 })
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
    "append refuses a whole batch for one invalid event",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const refusalOf = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
        log.append({ runId: claimed.runId, events, fence: TestRuns.leaseOf(claimed) }).pipe(
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
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), ["RUN_STARTED"])
    }),
  )

  test(
    "append accepts the largest batch, and an event just under the size limit",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const batch = Array.from({ length: maxBatch }, (_, index) => event(index))
      strictEqual((yield* TestRuns.append(claimed, batch)).appendedCount, maxBatch)
      const large = AgentEvent.textContent("m", "x".repeat(maxEventBytes - 100))
      strictEqual((yield* TestRuns.append(claimed, [large])).appendedCount, 1)
      deepStrictEqual((yield* TestRuns.eventsOf(claimed.runId, maxBatch + 1))[0], large)
    }),
  )
}

/** The verdict of an append: the tag of its error, or `Succeeded`. */
const verdictOf = (request: AppendRequest) =>
  Effect.flatMap(RunLog, (log) => TestRuns.verdictOf(log.append(request)))

const cursorTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "append of a repeated batch adds nothing",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const fence = TestRuns.leaseOf(claimed)
      const bySequence = {
        runId: claimed.runId,
        events: [event(1), event(2)],
        expectedSequence: Sequence.make(0),
        fence,
      }
      strictEqual((yield* log.append(bySequence)).appendedCount, 2)
      const byEvent = {
        runId: claimed.runId,
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
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, 3)
    }),
  )

  test(
    "append adds only the rest of a batch that has begun",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1), event(2)])
      const appended = yield* log.append({
        runId: claimed.runId,
        events: [event(1), event(2), event(3)],
        expectedSequence: Sequence.make(0),
        fence: TestRuns.leaseOf(claimed),
      })
      strictEqual(appended.appendedCount, 1)
      strictEqual(appended.latestSequence, 3)
      deepStrictEqual(
        (yield* TestRuns.eventsOf(claimed.runId, 1)).map((each) => each["value"]),
        [1, 2, 3],
      )
      // The same from the middle of the log, by either cursor.
      for (const [value, cursor] of [
        [4, { expectedSequence: Sequence.make(2) }],
        [5, { expectedEventId: EventId.make(3) }],
      ] as const) {
        const events = Array.from({ length: value - 2 }, (_, index) => event(index + 3))
        const fence = TestRuns.leaseOf(claimed)
        const more = yield* log.append({ runId: claimed.runId, events, fence, ...cursor })
        strictEqual(more.appendedCount, 1)
        strictEqual<number>(more.latestSequence, value)
      }
    }),
  )

  test(
    "append refuses a cursor that is not the end of the log",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1), event(2)])
      const base = { runId: claimed.runId, events: [event(3)], fence: TestRuns.leaseOf(claimed) }
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
        strictEqual(yield* verdictOf({ ...base, ...request }), "CursorMismatch", JSON.stringify(request))
      }
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, 3)
      const right = { expectedEventId: EventId.make(3), expectedSequence: Sequence.make(2) }
      strictEqual(yield* verdictOf({ ...base, ...right }), "Succeeded")
    }),
  )

  test(
    "one of many concurrent appends at one cursor succeeds",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, index) => index),
        (index) =>
          verdictOf({
            runId: claimed.runId,
            events: [event(index)],
            expectedSequence: Sequence.make(0),
            fence: TestRuns.leaseOf(claimed),
          }),
        { concurrency: "unbounded" },
      )
      strictEqual(verdicts.filter((verdict) => verdict === "Succeeded").length, 1)
      strictEqual(verdicts.filter((verdict) => verdict === "CursorMismatch").length, 9)
      strictEqual((yield* TestRuns.eventsOf(claimed.runId)).length, 2)
    }),
  )

  test(
    "append without a cursor always adds",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [event(1)])
      strictEqual((yield* TestRuns.append(claimed, [event(1)])).latestSequence, 2)
    }),
  )
}

/** Those that the control plane and the workers write, and one that is for a later version. */
const reservedNames =
  "step intent sleep child inbox message attempt waiting usage fallback tool_begun tool_uncertain later"
    .split(" ")
    .map((name) => `runlease.${name}`)

const fenceTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a former lease appends nothing, even when its worker holds the run again",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const first = yield* TestRuns.hold(worker)
      const request = { runId: first.runId, events: [event(1)], fence: TestRuns.leaseOf(first) }
      yield* TestRuns.lapse
      strictEqual(yield* verdictOf(request), "LeaseLost")
      yield* TestRuns.claimOne(other)
      strictEqual(yield* verdictOf(request), "LeaseLost")
      yield* TestRuns.lapse
      const third = yield* TestRuns.claimOne(worker)
      strictEqual(yield* verdictOf(request), "LeaseLost")
      strictEqual(yield* verdictOf({ ...request, fence: TestRuns.leaseOf(third) }), "Succeeded")
      strictEqual((yield* TestRuns.getRun(first.runId)).latestSequence, 1)
    }),
  )

  test(
    "a fence without an epoch compares the owner alone",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const request = { runId: claimed.runId, events: [event(1)], fence: { workerId: worker, epoch: null } }
      strictEqual(yield* verdictOf(request), "Succeeded")
      const fence = { workerId: yield* TestRuns.register("other"), epoch: null }
      strictEqual(yield* verdictOf({ ...request, fence }), "LeaseLost")
    }),
  )

  test(
    "append checks the run, the fence, the end, the wait, the events and the cursor, in this order",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const bad = { events: [{ type: "" }], expectedSequence: Sequence.make(7) }
      const claimed = yield* TestRuns.hold(worker)
      const fence = TestRuns.leaseOf(claimed)
      const stranger = { ...fence, workerId: other }
      const { runId } = claimed
      strictEqual(yield* verdictOf({ ...bad, runId: unknownRun, fence }), "RunNotFound")
      strictEqual(yield* verdictOf({ ...bad, runId, fence: stranger }), "LeaseLost")
      strictEqual(yield* verdictOf({ ...bad, runId, fence }), "EventRefused")
      strictEqual(yield* verdictOf({ ...bad, events: [event(1)], runId, fence }), "CursorMismatch")

      yield* leases.suspend(fence, TestRuns.forToolCall())
      strictEqual(yield* verdictOf({ ...bad, runId, fence }), "LeaseLost")
      strictEqual(yield* verdictOf({ ...bad, runId }), "RunWaiting")

      yield* runs.cancel(runId)
      strictEqual(yield* verdictOf({ ...bad, runId }), "RunEnded")
    }),
  )

  test(
    "append by the holder of a cancelled run fails with RunEnded",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const claimed = yield* TestRuns.hold(worker)
      const request = { runId: claimed.runId, events: [event(1)], fence: TestRuns.leaseOf(claimed) }
      yield* runs.cancel(claimed.runId)
      strictEqual(yield* verdictOf(request), "RunEnded")
      strictEqual(yield* verdictOf({ ...request, fence: { ...request.fence, workerId: other } }), "LeaseLost")
    }),
  )

  test(
    "append without a fence takes no event whose name is reserved, and its holder's does",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const driven = yield* TestRuns.submit({ initialStatus: "running" })
      for (const { runId } of [claimed, driven]) {
        const before = yield* TestRuns.getRun(runId)
        for (const name of reservedNames) {
          const events = [event(1), AgentEvent.custom(name, { step_id: "s", record_id: "r", name: "n" })]
          deepStrictEqual([name, yield* verdictOf({ runId, events })], [name, "EventRefused"])
        }
        deepStrictEqual(yield* TestRuns.getRun(runId), before)
        // A name is reserved as it is, and for CUSTOM events alone.
        const others = [AgentEvent.custom("runlease", 1), { type: "runlease.step", name: "runlease.step" }]
        strictEqual(yield* verdictOf({ runId, events: others }), "Succeeded")
      }
      const { latestSequence } = yield* TestRuns.append(claimed, [AgentEvent.custom("runlease.any", 1)])
      strictEqual(latestSequence, 3)
    }),
  )

  test(
    "append without a fence succeeds for a run that its submitter drives",
    Effect.gen(function* () {
      const run = yield* TestRuns.submit({ initialStatus: "running" })
      strictEqual(run.latestEventId, 1)
      strictEqual(yield* verdictOf({ runId: run.runId, events: [event(1)] }), "Succeeded")
      deepStrictEqual(yield* TestRuns.typesOf(run.runId), ["RUN_STARTED", "CUSTOM"])
    }),
  )
}

const closingTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a claim closes what a dead attempt left open, and marks that attempt",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const claimed = yield* TestRuns.hold(worker)
      yield* TestRuns.append(claimed, [
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
      const { latestEventId } = yield* TestRuns.getRun(claimed.runId)
      yield* TestRuns.lapse
      const again = yield* TestRuns.claimOne(other)
      const closings = yield* TestRuns.eventsOf(claimed.runId, latestEventId)
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
    "a cancellation adds a failed result to each tool call without one",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const call = (id: string) => [AgentEvent.toolCallStart(id, "search"), AgentEvent.toolCallEnd(id)]
      yield* TestRuns.append(claimed, [
        ...call("answered"),
        AgentEvent.toolCallResult("answer", "answered", "found"),
        ...call("running"),
        AgentEvent.toolCallStart("written", "search"),
      ])
      const { latestEventId } = yield* TestRuns.getRun(claimed.runId)
      const runs = yield* Runs
      yield* runs.cancel(claimed.runId)
      const closings = yield* TestRuns.eventsOf(claimed.runId, latestEventId)
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
    "the end of a run closes what is open",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [AgentEvent.stepStarted("plan"), AgentEvent.textStart("m")])
      yield* TestRuns.complete(claimed)
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId, 3), [
        "TEXT_MESSAGE_END",
        "STEP_FINISHED",
        "RUN_FINISHED",
      ])
    }),
  )
}

/** Declares the tests of `RunLog`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`RunLog (${name})`, () => {
    entryTests(test)
    cursorTests(test)
    fenceTests(test)
    closingTests(test)
  })

  FollowSuite.suite(name, layer)
}
