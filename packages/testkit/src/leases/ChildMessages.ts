/** Leases suite: children whose end is a message to their parent. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as ChildMessage from "@runlease/core/ChildMessage"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import type { RunId } from "@runlease/core/Ids"
import * as InboxMessage from "@runlease/core/InboxMessage"
import { Leases } from "@runlease/core/Leases"
import type { LeaseRef } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect, Option } from "effect"
import * as TestRuns from "../TestRuns.js"
import { family, spawn, statusOf } from "./Families.js"

const telling = (lease: LeaseRef, name: string) => spawn(lease, name, {}, undefined, true)

const messages = (runId: RunId) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events.flatMap((event) => Option.toArray(InboxMessage.fromEvent(event))),
  )

/** The children that the messages of a run are about: their indexes, statuses and codes of errors. */
const endedChildren = (runId: RunId) =>
  Effect.map(messages(runId), (all) =>
    all
      .flatMap((message) => Option.toArray(ChildMessage.fromMessage(message)))
      .map(({ error, index, status }) => [index, status, error?.code ?? null]),
  )

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a child reports its end to its parent once, however it ends",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const { lease, parent, worker } = yield* family(0)
      for (const name of ["completes", "fails", "is cancelled"]) yield* telling(lease, name)
      yield* spawn(lease, "tells nothing")
      const [completes, fails, cancelled, silent] = yield* Effect.replicateEffect(
        TestRuns.claimOne(worker),
        4,
      )
      deepStrictEqual(yield* endedChildren(parent.runId), [])
      yield* leases.complete(TestRuns.leaseOf(completes!), { status: "completed" })
      const error = { code: "broken", message: "It broke" }
      yield* leases.complete(TestRuns.leaseOf(fails!), { status: "failed", error })
      yield* runs.cancel(cancelled!.runId)
      yield* TestRuns.complete(silent!)
      // Sent again, as after an answer that was lost.
      yield* leases.complete(TestRuns.leaseOf(completes!), { status: "completed" })
      yield* runs.cancel(cancelled!.runId)
      deepStrictEqual(
        (yield* endedChildren(parent.runId)).map(([index, status]) => [index, status]),
        [
          [0, "completed"],
          [1, "failed"],
          [2, "cancelled"],
        ],
      )
      strictEqual((yield* endedChildren(parent.runId))[1]?.[2], "broken")
    }),
  )

  test(
    "the message is in the log and in the conversation of the parent, as any message",
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const { lease, parent, worker } = yield* family(0)
      const child = yield* telling(lease, "a")
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      const [message] = yield* messages(parent.runId)
      const { items } = yield* conversations.messages(parent.conversationId)
      deepStrictEqual(
        items.map(({ id, parts, role }) => [id, role, parts]),
        [[message?.id, "user", message?.parts]],
      )
      deepStrictEqual(
        message?.parts.map(({ text, type }) => [type, text]),
        [
          ["child_ended", undefined],
          ["text", `Run ${child.runId} of agent agent has ended: completed`],
        ],
      )
    }),
  )

  test(
    "a parent that waits for a message continues with the end of a child",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { lease, parent, worker } = yield* family(0)
      yield* telling(lease, "a")
      const child = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(lease, { inbox: 0 })
      strictEqual(yield* statusOf(parent.runId), "waiting")
      yield* TestRuns.complete(child)
      strictEqual(yield* statusOf(parent.runId), "pending")
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.inbox], [parent.runId, 1])
    }),
  )

  test(
    "a parent that takes messages does not complete before it has that of its child",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { lease, parent, worker } = yield* family(0)
      yield* telling(lease, "a")
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      const completing = (consumed: number) =>
        leases.complete(lease, { status: "completed" }, undefined, consumed)
      strictEqual(yield* TestRuns.verdictOf(completing(0)), "InboxNotEmpty")
      yield* completing(1)
      strictEqual(yield* statusOf(parent.runId), "completed")
    }),
  )

  test(
    "a parent that has ended gets no message",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { lease, parent } = yield* family(0)
      const child = yield* telling(lease, "a")
      yield* leases.complete(lease, { status: "completed" })
      strictEqual(yield* statusOf(child.runId), "cancelled")
      deepStrictEqual(yield* endedChildren(parent.runId), [])
    }),
  )

  test(
    "a detached child sends no message",
    Effect.gen(function* () {
      const { lease, parent } = yield* family(0)
      strictEqual(yield* TestRuns.verdictOf(spawn(lease, "a", {}, true, true)), "InvalidSubmission")
      strictEqual((yield* (yield* Runs).list({ parentRunId: parent.runId })).items.length, 0)
    }),
  )
}
