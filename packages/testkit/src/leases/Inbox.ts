/** Leases suite: messages to a run. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import type { RunId } from "@runlease/core/Ids"
import * as InboxMessage from "@runlease/core/InboxMessage"
import { type Leases as Port, Leases } from "@runlease/core/Leases"
import { RunLog, maxEventBytes } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect, Option, Queue, Stream } from "effect"
import * as TestRuns from "../TestRuns.js"
import { renew } from "./Holder.js"

const text = (words: string) => [{ type: "text", text: words }]

const send = (runId: RunId, words: string, idempotencyKey?: string) =>
  Effect.flatMap(Runs, (runs) => runs.tell(runId, { parts: text(words), idempotencyKey }))

/** The numbers and the parts of the messages in the log of a run. */
const messages = (runId: RunId) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events
      .flatMap((event) => Option.toArray(InboxMessage.fromEvent(event)))
      .map(({ number, parts }) => [number, parts[0]?.["text"]]),
  )

const completing = (
  claimed: Parameters<typeof TestRuns.leaseOf>[0],
  consumed: number,
  last?: Parameters<Port["Type"]["complete"]>[2],
) =>
  Effect.flatMap(Leases, (leases) =>
    leases.complete(TestRuns.leaseOf(claimed), { status: "completed" }, last, consumed),
  )

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a message is in the log and in the conversation, and the holder learns of it by its next request",
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const { runId } = claimed
      strictEqual(claimed.inbox, undefined)
      const first = yield* send(runId, "left")
      yield* send(runId, "right")
      deepStrictEqual(yield* messages(runId), [
        [1, "left"],
        [2, "right"],
      ])
      const { items } = yield* conversations.messages(claimed.conversationId)
      deepStrictEqual(
        items.map(({ parts, role }) => [role, parts]),
        [
          ["user", text("left")],
          ["user", text("right")],
        ],
      )
      deepStrictEqual([items[0]?.id, first.duplicate], [first.id, false])
      const appended = yield* TestRuns.append(claimed, [AgentEvent.stepStarted("work")])
      const renewed = yield* renew(claimed)
      deepStrictEqual([appended.inbox, renewed._tag === "Renewed" && renewed.inbox], [2, 2])
    }),
  )

  test(
    "a message with the key of another is that one",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const other = yield* TestRuns.submit({ conversationId: claimed.conversationId })
      const first = yield* send(claimed.runId, "left", "key")
      const again = yield* send(claimed.runId, "left", "key")
      deepStrictEqual(again, { id: first.id, duplicate: true })
      deepStrictEqual(yield* messages(claimed.runId), [[1, "left"]])
      // A key names a message to one run.
      strictEqual((yield* send(other.runId, "right", "key")).duplicate, false)
      const [one, two] = yield* Effect.all(
        [send(claimed.runId, "up", "both"), send(claimed.runId, "up", "both")],
        {
          concurrency: "unbounded",
        },
      )
      deepStrictEqual(
        [one.id === two.id, yield* messages(claimed.runId)],
        [
          true,
          [
            [1, "left"],
            [2, "up"],
          ],
        ],
      )
    }),
  )

  test(
    "the holder gets a signal of a message",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const signals = yield* Queue.unbounded<unknown>()
      yield* TestRuns.start(
        Stream.runForEach(leases.signals(worker), (signal) => Queue.offer(signals, signal)),
      )
      yield* send(claimed.runId, "left")
      const { runId } = claimed
      deepStrictEqual(yield* Queue.take(signals), { _tag: "MessageSent", runId, inbox: 1 })
    }),
  )

  test(
    "a run that has messages is claimed with their number, and opens its log once",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.submit()
      yield* send(runId, "left")
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual([claimed.runId, claimed.inbox], [runId, 1])
      yield* TestRuns.complete(claimed)
      deepStrictEqual(yield* TestRuns.typesOf(runId), ["RUN_STARTED", "CUSTOM", "RUN_FINISHED"])
    }),
  )

  test(
    "a run does not complete before it has consumed its messages",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* send(claimed.runId, "left")
      const last = { events: [AgentEvent.custom("last", 1)], expectedSequence: claimed.latestSequence }
      strictEqual(yield* TestRuns.verdictOf(completing(claimed, 0, last)), "InboxNotEmpty")
      strictEqual((yield* TestRuns.getRun(claimed.runId)).status, "running")
      deepStrictEqual(yield* completing(claimed, 1, last), { completed: true })
      // It has ended, so there is nothing to take any more.
      deepStrictEqual(yield* completing(claimed, 0), { completed: false })
    }),
  )

  test(
    "a run that takes no messages completes all the same",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* send(claimed.runId, "left")
      const completed = yield* leases.complete(TestRuns.leaseOf(claimed), { status: "completed" })
      strictEqual(completed.completed, true)
    }),
  )

  test(
    "a message ends the wait for it, also when it came before",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { runId } = claimed
      yield* leases.suspend(TestRuns.leaseOf(claimed), { inbox: 0 })
      const { status, waiting } = yield* TestRuns.getRun(runId)
      deepStrictEqual([status, waiting?.inbox], ["waiting", 0])
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* send(runId, "left")
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.inbox, again.attempt], [runId, 1, 1])
      yield* send(runId, "right")
      yield* leases.suspend(TestRuns.leaseOf(again), { inbox: 1 })
      strictEqual((yield* TestRuns.claimOne(worker)).inbox, 2)
    }),
  )

  test(
    "a message does not end the wait for something else",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const sleeping = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(sleeping), { wakeAfter: "1 hour" })
      const asking = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(asking), TestRuns.forToolCall())
      yield* send(sleeping.runId, "left")
      yield* send(asking.runId, "left")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      // The log that waits for a person is not opened by it.
      deepStrictEqual(yield* TestRuns.typesOf(asking.runId), ["RUN_STARTED", "RUN_FINISHED", "CUSTOM"])
      yield* runs.resume(asking.runId, TestRuns.resultOf("call", 1))
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.inbox], [asking.runId, 1])
    }),
  )

  test(
    "a run that has ended takes no message, nor one that is not there, nor one too large",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const { runId } = claimed
      strictEqual(yield* TestRuns.verdictOf(send(runId, "x".repeat(maxEventBytes))), "MessageRefused")
      yield* TestRuns.complete(claimed)
      strictEqual(yield* TestRuns.verdictOf(send(runId, "left")), "RunEnded")
      strictEqual(yield* TestRuns.verdictOf(send("absent" as RunId, "left")), "RunNotFound")
      deepStrictEqual(yield* messages(runId), [])
    }),
  )

  test(
    "an index finds the messages, as it finds the records of steps",
    Effect.gen(function* () {
      const log = yield* RunLog
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [AgentEvent.custom("other", 1)])
      yield* send(claimed.runId, "left")
      const found = yield* log.read({ runId: claimed.runId, only: "records" })
      deepStrictEqual(
        found.map(({ event, sequence }) => [event["name"], sequence]),
        [["runlease.message", null]],
      )
    }),
  )
}
