/** Webhooks suite: the events of schedules and of bulk operations. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { BulkOperations, type NewBulk } from "@runlease/core/BulkOperations"
import type { ControlPlane, StorePorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import { Runs } from "@runlease/core/Runs"
import { Schedules } from "@runlease/core/Schedules"
import { Effect } from "effect"
import * as TestSchedules from "../schedules/TestSchedules.js"
import * as TestRuns from "../TestRuns.js"
import * as TestWebhooks from "./TestWebhooks.js"

const { all, create } = TestWebhooks

const events = [
  "schedule.skipped",
  "schedule.refused",
  "schedule.paused",
  "schedule.ended",
  "schedule.stale",
  "bulk.ended",
] as const

/** The messages so far, the oldest first, each as its type and a part of its data. */
const messagesWith = (...fields: ReadonlyArray<string>) =>
  Effect.map(all, (messages) =>
    messages.toReversed().map(({ data, type }) => [type, ...fields.map((field) => data[field])]),
  )

const runBulk = (bulk: NewBulk) =>
  Effect.gen(function* () {
    const { create: begin, get } = yield* BulkOperations
    const { id } = yield* begin(bulk)
    return yield* TestRuns.eventually(get(id), ({ status }) => status !== "running")
  })

export const declare = (test: TestRuns.Test<StorePorts | ControlPlane>): void => {
  test(
    "ticks that begin no run are a message, and so is the end of a schedule",
    Effect.gen(function* () {
      yield* create({ events })
      const { id } = yield* TestSchedules.create({ concurrencyPolicy: "Forbid" })
      yield* TestSchedules.passTick(id, 1)
      deepStrictEqual(yield* all, [])
      yield* TestSchedules.passTick(id, 2)
      const [skipped] = yield* all
      deepStrictEqual([skipped?.type, skipped?.runId], ["schedule.skipped", null])
      deepStrictEqual(skipped?.data, {
        schedule_id: id,
        project_id: skipped?.projectId,
        name: "Minutes",
        agent_id: "agent",
        skipped: { missed: 0, overlap: 1 },
      })
      const { id: once } = yield* TestSchedules.create({ name: "Once", maxRuns: 1 })
      yield* TestRuns.eventually(TestSchedules.get(once), ({ completedAt }) => completedAt !== null)
      const ended = (yield* messagesWith("name", "run_count")).filter(([type]) => type === "schedule.ended")
      deepStrictEqual(ended, [["schedule.ended", "Once", 1]])
    }),
  )

  test(
    "a refused tick and a pause are messages, by a person or by its failures",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      yield* create({ events })
      const { id: conversationId } = yield* (yield* Conversations).create()
      const target = { kind: "agent", id: "agent", conversationId } as const
      const { id } = yield* TestSchedules.create({ target, pauseAfterFailures: 1 })
      yield* (yield* Conversations).remove(conversationId)
      yield* TestRuns.eventually(TestSchedules.get(id), ({ status }) => status === "paused", {
        step: "20 seconds",
        within: "10 minutes",
      })
      deepStrictEqual(yield* messagesWith("code", "reason"), [
        ["schedule.refused", "ConversationNotFound", undefined],
        ["schedule.paused", undefined, "failures"],
      ])
      const { id: other } = yield* TestSchedules.create({ name: "Other" })
      yield* schedules.pause(other, { reason: "holidays" })
      yield* schedules.resume(other)
      const paused = (yield* messagesWith("name", "reason")).filter(([type]) => type === "schedule.paused")
      deepStrictEqual(paused.at(-1), ["schedule.paused", "Other", "holidays"])
    }),
  )

  test(
    "a schedule that has become stale is one message",
    Effect.gen(function* () {
      yield* create({ events: ["schedule.stale"] })
      yield* TestSchedules.create({ schedule: "0 0 1 1 *", health: { maxStalenessSeconds: 60 } })
      yield* TestRuns.eventually(all, (messages) => messages.length > 0, {
        step: "30 seconds",
        within: "1 hour",
      })
      deepStrictEqual(yield* messagesWith("last_successful_at"), [["schedule.stale", null]])
    }),
  )

  test(
    "an event of a schedule is of the agent and the labels of its runs, and one of a bulk operation of neither",
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const { endpoint: ofAgent } = yield* create({ events, agentIds: ["agent"] })
      const { endpoint: ofLabel } = yield* create({ events, labels: { team: "a" } })
      yield* create({ events, agentIds: ["writer"] })
      yield* create({ events, labels: { team: "b" } })
      const { id } = yield* TestSchedules.create({ config: { labels: { team: "a" } } })
      yield* schedules.pause(id)
      yield* runBulk({ action: "cancel", all: true })
      const messages = yield* all
      deepStrictEqual(new Set(messages.map(({ type }) => type)), new Set(["schedule.paused"]))
      deepStrictEqual(
        new Set(messages.map(({ endpointId }) => endpointId)),
        new Set([ofAgent.id, ofLabel.id]),
      )
    }),
  )

  test(
    "the end of a bulk operation is one message with its counts, and one that only counts is none",
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* create({ events })
      yield* runs.submitMany(Array.from({ length: 3 }, () => TestRuns.submission()))
      yield* runBulk({ action: "cancel", all: true, dryRun: true })
      deepStrictEqual(yield* all, [])
      const { id } = yield* runBulk({ action: "cancel", filter: { status: "pending" } })
      deepStrictEqual(yield* messagesWith("bulk_id", "action", "status", "done"), [
        ["bulk.ended", id, "cancel", "completed", 3],
      ])
      strictEqual((yield* all)[0]?.runId, null)
    }),
  )
}
