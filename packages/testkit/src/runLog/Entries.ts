/** RunLog suite: what a log accepts and stores, and the pages that it returns. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { EventId } from "@runlease/core/Run"
import { maxBatch, maxEventBytes, maxReadBytes, maxReadLimit, RunLog } from "@runlease/core/RunLog"
import { Effect, Option } from "effect"
import * as TestRuns from "../TestRuns.js"

const event = (value: number) => AgentEvent.custom("test", value)
const unknownRun = Ids.RunId.make("unknown")

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
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
