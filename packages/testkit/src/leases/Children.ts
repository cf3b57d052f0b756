/** Leases suite: children of a run, also detached ones, and those whose end is a message to their parent. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as ChildMessage from "@runlease/core/ChildMessage"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as InboxMessage from "@runlease/core/InboxMessage"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun, LeaseRef, Run } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { childIdOf } from "@runlease/core/ChildEvent"
import { Effect, Option, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const idOf = ({ runId }: LeaseRef, name: string) => `${name} of ${runId}`.slice(0, 100)

/** Spawns a child whose id names its parent and the step. */
export const spawn = (
  lease: LeaseRef,
  name: string,
  input: Partial<SubmissionInput> = {},
  detached?: true,
  tellsParent?: true,
) =>
  Effect.flatMap(Leases, (leases) =>
    leases.spawn(lease, {
      stepId: name,
      name,
      detached,
      tellsParent,
      submission: { agentId: "agent", ...input, publicId: idOf(lease, name) },
    }),
  )

/** Lets a run wait until one of these groups of its children has ended. */
export const wait = (claimed: ClaimedRun, ...children: ReadonlyArray<ReadonlyArray<number>>) =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(claimed), { children }))

export const statusOf = (runId: Run["runId"]) => Effect.map(TestRuns.getRun(runId), ({ status }) => status)

/** A claimed run with this many children, which are claimed in the order of their indexes. */
export const family = (count: number) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    const parent = yield* TestRuns.hold(worker)
    const lease = TestRuns.leaseOf(parent)
    yield* Effect.forEach(Array.from({ length: count }), (_, index) => spawn(lease, `child-${index}`))
    const children = yield* Effect.replicateEffect(TestRuns.claimOne(worker), count)
    return { children, lease, parent, worker }
  })

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a child is a separate run below its parent, and spawning it again finds it",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { lease, parent, worker } = yield* family(0)
      const first = yield* spawn(lease, "a")
      deepStrictEqual(yield* spawn(lease, "a", { priority: 1 }), first)
      const second = yield* spawn(lease, "b")
      deepStrictEqual([first.index, second.index], [0, 1])
      const child = yield* TestRuns.claimOne(worker)
      const { concurrencyKey, conversationId, parentRunId, priority, rootRunId } = yield* TestRuns.getRun(
        child.runId,
      )
      deepStrictEqual(
        [child.runId, parentRunId, rootRunId, concurrencyKey, priority],
        [first.runId, parent.runId, parent.runId, null, 0],
      )
      strictEqual(conversationId === parent.conversationId, false)
      const { items } = yield* runs.list({ parentRunId: parent.runId })
      deepStrictEqual(
        items.map(({ runId }) => runId),
        [second.runId, first.runId],
      )
      deepStrictEqual((yield* TestRuns.eventsOf(parent.runId)).at(-1), {
        type: "CUSTOM",
        name: "runlease.child",
        value: {
          step_id: "b",
          record_id: second.runId,
          name: "b",
          child_run_id: second.runId,
          agent_id: "agent",
          index: 1,
        },
      })
    }),
  )

  test(
    "a child has an id that is derived of its own parent and step, and no other of that space",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { lease, parent } = yield* family(0)
      const spawnAs = (publicId: string) =>
        leases.spawn(lease, { stepId: "a", name: "a", submission: { agentId: "agent", publicId } })
      for (const reserved of [childIdOf(parent.runId, "b"), childIdOf("other", "a"), "schedule:x"]) {
        const refused = yield* Effect.flip(spawnAs(reserved))
        strictEqual(refused._tag === "InvalidSubmission" && refused.message.includes("schedule:"), true)
      }
      const own = childIdOf(parent.runId, "a")
      strictEqual(Ids.isReservedRunId(own), true)
      strictEqual((yield* spawnAs(own)).runId, own)
    }),
  )

  test(
    "a child cannot have the id of another run",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { lease, parent, worker } = yield* family(0)
      const other = yield* TestRuns.hold(worker)
      const named = yield* TestRuns.submit({ publicId: "named" })
      for (const publicId of [other.runId, named.runId, parent.runId]) {
        const spawning = leases.spawn(lease, {
          stepId: "s",
          name: "s",
          submission: { agentId: "agent", publicId },
        })
        strictEqual(yield* TestRuns.verdictOf(spawning), "InvalidSubmission")
      }
      strictEqual((yield* (yield* Runs).list({ parentRunId: parent.runId })).items.length, 0)
    }),
  )

  test(
    "a child is pending in its own conversation, whatever its request says",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { lease, parent } = yield* family(0)
      const other = yield* TestRuns.submit()
      const nowhere = Ids.ConversationId.make("00000000-0000-4000-8000-000000000000")
      const requests: ReadonlyArray<Omit<Partial<SubmissionInput>, "publicId">> = [
        { conversationId: other.conversationId },
        { conversationId: parent.conversationId },
        { conversationId: nowhere },
        { initialStatus: "running" },
        { parentRunId: other.runId },
        { budget: { runs: 1 } },
        { multitask: "interrupt" },
      ]
      for (const detached of [false, true]) {
        for (const request of requests) {
          const submission = { agentId: "agent", publicId: "child", ...request }
          const spawning = leases.spawn(lease, { stepId: "s", name: "s", detached, submission })
          deepStrictEqual([request, yield* TestRuns.verdictOf(spawning)], [request, "InvalidSubmission"])
        }
      }
      strictEqual((yield* (yield* Runs).list({ parentRunId: parent.runId })).items.length, 0)
      strictEqual((yield* TestRuns.getRun(other.runId)).status, "pending")
    }),
  )

  test(
    "a run that waits for children resumes once, when the last of them has ended, however that was",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { children, parent, worker } = yield* family(3)
      yield* TestRuns.complete(children[0]!)
      yield* wait(parent, [0, 1, 2])
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestRuns.complete(children[1]!)
      strictEqual(yield* statusOf(parent.runId), "waiting")
      yield* runs.cancel(children[2]!.runId)
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.attempt], [parent.runId, 1])
      const outcomes = (yield* TestRuns.eventsOf(parent.runId)).flatMap(({ name, value }) => {
        const { index, outcome } = (value ?? {}) as { readonly index?: number; readonly outcome?: object }
        return name === "runlease.child" && outcome !== undefined ? [[index, outcome]] : []
      })
      deepStrictEqual(outcomes, [
        [0, { status: "completed" }],
        [1, { status: "completed" }],
        [2, { status: "cancelled" }],
      ])
    }),
  )

  test(
    "a run that waits for children that have ended, or for any of some groups, resumes at once",
    Effect.gen(function* () {
      const { children, parent, worker } = yield* family(2)
      yield* TestRuns.complete(children[1]!)
      yield* wait(parent, [0], [1])
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, parent.runId)
      yield* wait(again, [0])
      strictEqual(yield* statusOf(parent.runId), "waiting")
      yield* TestRuns.complete(children[0]!)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, parent.runId)
    }),
  )

  test(
    "a run cannot wait for children that it does not have, nor for too many, and its lease stays",
    Effect.gen(function* () {
      const { children, parent, worker } = yield* family(2)
      const all = Array.from({ length: 10_000 }, () => 0)
      for (const groups of [[[2]], [[0, 1, 9_999]], [[1], [0], [2]], [all, all, all]]) {
        strictEqual(yield* TestRuns.verdictOf(wait(parent, ...groups)), "SuspensionRefused")
      }
      strictEqual(yield* statusOf(parent.runId), "running")
      yield* wait(parent, all, [1])
      yield* TestRuns.complete(children[1]!)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, parent.runId)
    }),
  )

  test(
    "a wait for children may end at a time",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { children, parent, worker } = yield* family(1)
      yield* leases.suspend(TestRuns.leaseOf(parent), { children: [[0]], wakeAfter: "5 seconds" })
      yield* TestClock.adjust("5 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, parent.runId)
      yield* TestRuns.complete(children[0]!)
      strictEqual(yield* statusOf(parent.runId), "running")
    }),
  )

  test(
    "the end of a run cancels its unfinished children and theirs, and no others",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { children, lease, parent, worker } = yield* family(2)
      yield* spawn(TestRuns.leaseOf(children[0]!), "grandchild")
      const grandchild = yield* TestRuns.claimOne(worker)
      yield* TestRuns.complete(children[1]!)
      const other = yield* TestRuns.hold(worker)
      const waiting = yield* spawn(lease, "pending")
      yield* runs.cancel(parent.runId)
      const ended = yield* Effect.forEach([children[0]!, children[1]!, grandchild, waiting], ({ runId }) =>
        TestRuns.getRun(runId),
      )
      deepStrictEqual(
        ended.map(({ error, status }) => [status, error?.code ?? null]),
        [
          ["cancelled", "parent_ended"],
          ["completed", null],
          ["cancelled", "parent_ended"],
          ["cancelled", "parent_ended"],
        ],
      )
      strictEqual(yield* statusOf(other.runId), "running")
      strictEqual(yield* TestRuns.verdictOf(spawn(lease, "late")), "LeaseLost")
    }),
  )

  test(
    "the end of an attempt cancels no child, and that of the last attempt does",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker, { maxAttempts: 2 })
      const child = yield* spawn(TestRuns.leaseOf(parent), "child")
      yield* leases.release(TestRuns.leaseOf(parent), { countAttempt: true })
      strictEqual(yield* statusOf(child.runId), "pending")
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.runId, parent.runId)
      yield* leases.release(TestRuns.leaseOf(again), { countAttempt: true })
      deepStrictEqual([yield* statusOf(parent.runId), yield* statusOf(child.runId)], ["failed", "cancelled"])
    }),
  )

  test(
    "all children of a wide tree are cancelled, commit by commit",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { lease, parent } = yield* family(0)
      const count = 300
      yield* Effect.forEach(Array.from({ length: count }), (_, index) => spawn(lease, String(index)), {
        concurrency: 16,
      })
      yield* runs.cancel(parent.runId)
      yield* TestRuns.eventually(
        Effect.all([
          runs.list({ parentRunId: parent.runId, status: "pending", limit: 1 }),
          runs.list({ parentRunId: parent.runId, status: "running", limit: 1 }),
        ]),
        (pages) => pages.every(({ items }) => items.length === 0),
      )
    }),
  )

  test(
    "a child may not have the lane of a run above it, nor be too deep",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      let holder = yield* TestRuns.hold(worker, { concurrencyKey: "lane" })
      const { runId } = yield* spawn(TestRuns.leaseOf(holder), "child", { concurrencyKey: "other" })
      const refused = spawn(TestRuns.leaseOf(holder), "no", { concurrencyKey: "lane" })
      strictEqual((yield* Effect.flip(refused))._tag, "ChildRefused")
      holder = yield* TestRuns.claimOne(worker)
      strictEqual(holder.runId, runId)
      const below = spawn(TestRuns.leaseOf(holder), "below", { concurrencyKey: "lane" })
      deepStrictEqual(
        yield* Effect.map(Effect.flip(below), (error) => error._tag === "ChildRefused" && error.reason),
        "lane",
      )
      for (let depth = 2; depth < 16; depth++) {
        yield* spawn(TestRuns.leaseOf(holder), `depth ${depth}`)
        holder = yield* TestRuns.claimOne(worker)
      }
      const deep = spawn(TestRuns.leaseOf(holder), "too deep")
      deepStrictEqual(
        yield* Effect.map(Effect.flip(deep), (error) => error._tag === "ChildRefused" && error.reason),
        "depth",
      )
    }),
  )

  test(
    "a parent that waits for a person's answer learns of the end of its children all the same",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const { children, parent, worker } = yield* family(1)
      yield* TestRuns.append(parent, [AgentEvent.toolCallStart("call", "ask")])
      yield* leases.suspend(TestRuns.leaseOf(parent), TestRuns.forToolCall("call"))
      yield* TestRuns.complete(children[0]!)
      const { agentId, runId } = children[0]!
      deepStrictEqual(
        (yield* TestRuns.eventsOf(parent.runId)).slice(-2).map(({ type, value }) => [type, value]),
        [
          ["RUN_FINISHED", undefined],
          ["CUSTOM", { child_run_id: runId, agent_id: agentId, index: 0, outcome: { status: "completed" } }],
        ],
      )
      yield* runs.resume(parent.runId, TestRuns.resultOf("call", "yes"))
      const again = yield* TestRuns.claimOne(worker)
      yield* wait(again, [0])
      strictEqual((yield* TestRuns.claimOne(worker)).runId, parent.runId)
    }),
  )

  test(
    "a detached child is a root that its parent names in its log, and spawning it again finds it",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker, { concurrencyKey: "lane", budget: { runs: 2 } })
      const lease = TestRuns.leaseOf(parent)
      const first = yield* spawn(lease, "a", {}, true)
      deepStrictEqual(first, { runId: first.runId })
      deepStrictEqual(yield* spawn(lease, "a", { priority: 1 }, true), first)
      strictEqual(yield* TestRuns.verdictOf(spawn(lease, "a")), "InvalidSubmission")
      deepStrictEqual(
        (yield* TestRuns.eventsOf(parent.runId)).flatMap(({ value }) => value ?? []),
        [
          {
            step_id: "a",
            record_id: first.runId,
            name: "a",
            child_run_id: first.runId,
            agent_id: "agent",
            detached: true,
          },
        ],
      )
      const behind = yield* spawn(lease, "b", { concurrencyKey: "lane" }, true)
      const child = yield* spawn(lease, "c")
      strictEqual(child.index, 0)
      strictEqual((yield* TestRuns.getRun(parent.runId)).budget?.spent.runs, 2)
      const claimed = yield* Effect.replicateEffect(TestRuns.claimOne(worker), 2)
      deepStrictEqual(
        claimed.map(({ budgetRoot, runId }) => [runId, budgetRoot]),
        [
          [first.runId, undefined],
          [child.runId, parent.runId],
        ],
      )
      yield* TestRuns.complete(claimed[0]!)
      strictEqual((yield* TestRuns.eventsOf(parent.runId)).length, 4)
      yield* leases.complete(lease, { status: "completed" })
      deepStrictEqual(
        [yield* statusOf(first.runId), yield* statusOf(child.runId), yield* statusOf(behind.runId)],
        ["completed", "cancelled", "pending"],
      )
      deepStrictEqual(
        (yield* runs.list({ parentRunId: parent.runId })).items.map(({ runId }) => runId),
        [child.runId, behind.runId, first.runId],
      )
      strictEqual((yield* TestRuns.claimOne(worker)).runId, behind.runId)
    }),
  )

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

const telling = (lease: LeaseRef, name: string) => spawn(lease, name, {}, undefined, true)

const messages = (runId: Ids.RunId) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events.flatMap((event) => Option.toArray(InboxMessage.fromEvent(event))),
  )

/** The children that the messages of a run are about: their indexes, statuses and codes of errors. */
const endedChildren = (runId: Ids.RunId) =>
  Effect.map(messages(runId), (all) =>
    all
      .flatMap((message) => Option.toArray(ChildMessage.fromMessage(message)))
      .map(({ error, index, status }) => [index, status, error?.code ?? null]),
  )
