/** What every `Claims` must do: give each run to one worker at a time, in the right order and at the right time. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer, TestClock } from "effect"
import * as ClaimRepeatSuite from "./ClaimRepeatSuite.js"
import * as ClaimWaitSuite from "./ClaimWaitSuite.js"
import * as HandOverSuite from "./HandOverSuite.js"
import * as TestRuns from "./TestRuns.js"

const conversation = Effect.flatMap(Conversations, (conversations) => conversations.create())

const selectionTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a claim is empty when no run is pending",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      deepStrictEqual(yield* TestRuns.claim(worker), [])
    }),
  )

  test(
    "runs with large requests are claimed some at a time, and the attempts of the others do not count",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const text = "x".repeat(9 * 1024 * 1024)
      for (const publicId of ["first", "second", "third"]) {
        yield* TestRuns.submit({ publicId, snapshot: RequestSnapshot.fromText(text) })
      }
      const claimed = yield* TestRuns.claim(worker, { limit: 3 })
      deepStrictEqual(
        claimed.map(({ attempt, runId, snapshot }) => [
          runId,
          attempt,
          RequestSnapshot.lastUserText(snapshot).length,
        ]),
        ["first", "second"].map((runId) => [runId, 1, text.length]),
      )
      const [third] = yield* TestRuns.claim(worker, { limit: 3 })
      deepStrictEqual([third?.runId, third?.attempt], ["third", 1])
    }),
  )

  test(
    "a claim returns the run with its snapshot, under a lease",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const snapshot = RequestSnapshot.fromText("Hello")
      const run = yield* TestRuns.submit({ publicId: "run-1", snapshot })
      const claimed = yield* TestRuns.claimOne(worker)
      strictEqual(claimed.runId, run.runId)
      strictEqual(claimed.conversationId, run.conversationId)
      strictEqual(claimed.agentId, "agent")
      strictEqual(claimed.status, "running")
      deepStrictEqual(claimed.snapshot, snapshot)
      strictEqual(claimed.leaseOwner, worker)
      strictEqual(claimed.leaseEpoch, 1)
      strictEqual(claimed.attempt, 1)
      strictEqual(claimed.maxAttempts, 3)
      deepStrictEqual(claimed.leaseExpiresAt, yield* TestRuns.after("30 seconds"))
      strictEqual(claimed.latestEventId, 1)
      strictEqual(claimed.latestSequence, 0)
      deepStrictEqual(yield* TestRuns.typesOf(run.runId), ["RUN_STARTED"])
      deepStrictEqual(yield* TestRuns.claim(worker), [])
    }),
  )

  test(
    "a claim returns a run although another is cancelled at the same time",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const first = yield* TestRuns.submit({ publicId: "run-1", priority: 1 })
      yield* TestRuns.submit({ publicId: "run-2" })
      const [, claimed] = yield* Effect.all([runs.cancel(first.runId), TestRuns.claim(worker)], {
        concurrency: "unbounded",
      })
      // In either order of the two, the worker gets a run.
      strictEqual(claimed.length, 1)
    }),
  )

  test(
    "a run without a snapshot gets the messages of its conversation",
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const worker = yield* TestRuns.register()
      const { id } = yield* conversation
      const message = yield* conversations.addMessage(id, {
        role: "user",
        parts: [RequestSnapshot.textPart("Hello")],
      })
      yield* TestRuns.submit({ conversationId: id })
      yield* conversations.addMessage(id, { role: "user", parts: [RequestSnapshot.textPart("Later")] })
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual(
        claimed.snapshot.messages.map((each) => ({ id: each.id, role: each.role, parts: each.parts })),
        [{ id: message.id, role: "user", parts: [{ type: "text", text: "Hello" }] }],
      )
    }),
  )

  test(
    "a claim by an unregistered worker is refused",
    Effect.gen(function* () {
      yield* TestRuns.submit()
      const stranger = Ids.WorkerId.make(yield* Ids.uuidV7)
      strictEqual(yield* TestRuns.verdictOf(TestRuns.claim(stranger)), "WorkerNotFound")
    }),
  )

  test(
    "a claim takes the highest priority first, then the oldest run",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ publicId: "low", priority: -5 })
      yield* TestRuns.submit({ publicId: "first" })
      yield* TestRuns.submit({ publicId: "second" })
      yield* TestRuns.submit({ publicId: "high", priority: 10 })
      const claimed = yield* TestRuns.claim(worker, { limit: 3 })
      deepStrictEqual(
        claimed.map((run) => run.runId),
        ["high", "first", "second"],
      )
      strictEqual((yield* TestRuns.claimOne(worker)).runId, "low")
    }),
  )

  test(
    "a delayed run is not claimed before its time",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ availableAt: yield* TestRuns.after("10 seconds"), priority: 10 })
      yield* TestRuns.submit({ publicId: "now" })
      deepStrictEqual(
        (yield* TestRuns.claim(worker, { limit: 5 })).map((run) => run.runId),
        ["now"],
      )
      yield* TestClock.adjust("9999 millis")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("1 millis")
      strictEqual((yield* TestRuns.claim(worker)).length, 1)
    }),
  )

  test(
    "a run that names a worker kind or key goes only to workers of that name",
    Effect.gen(function* () {
      const plain = yield* TestRuns.register("plain", "other")
      const kind = yield* TestRuns.register("any", "special")
      const key = yield* TestRuns.register("chosen", "special")
      yield* TestRuns.submit({ publicId: "key", workerKey: "chosen" })
      yield* TestRuns.submit({ publicId: "kind", implementationKind: "special" })
      yield* TestRuns.submit({ publicId: "both", implementationKind: "other", workerKey: "chosen" })
      yield* TestRuns.submit({ publicId: "none" })
      const idsOf = (worker: Ids.WorkerId, limit: number) =>
        Effect.map(TestRuns.claim(worker, { limit }), (claimed) => claimed.map((run) => run.runId))
      deepStrictEqual(yield* idsOf(plain, 10), ["none"])
      deepStrictEqual(yield* idsOf(kind, 10), ["kind"])
      deepStrictEqual(yield* idsOf(key, 10), ["key"])
    }),
  )

  test(
    "a claim for some agents returns only their runs",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ agentId: "a", publicId: "a" })
      yield* TestRuns.submit({ agentId: "b", publicId: "b" })
      yield* TestRuns.submit({ agentId: "c", publicId: "c" })
      const agentIds = [Ids.AgentId.make("b"), Ids.AgentId.make("c")]
      const some = yield* TestRuns.claim(worker, { limit: 10, agentIds })
      deepStrictEqual(
        some.map((run) => run.runId),
        ["b", "c"],
      )
      strictEqual((yield* TestRuns.claimOne(worker, { agentIds: [] })).runId, "a")
    }),
  )

  test(
    "a run that its submitter drives is never claimed",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.submit({ initialStatus: "running" })
      strictEqual(run.status, "running")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual((yield* TestRuns.getRun(run.runId)).status, "running")
    }),
  )

  test(
    "each of 50 runs goes to exactly one of 20 claimers",
    Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: 50 }), () => TestRuns.submit(), { concurrency: 10 })
      const workers = yield* Effect.forEach(Array.from({ length: 20 }), (_, index) =>
        TestRuns.register(`worker-${index}`),
      )
      const drain = (worker: Ids.WorkerId) =>
        Effect.gen(function* () {
          const claimed = [...(yield* TestRuns.claim(worker))]
          while (claimed.length > 0) {
            const more = yield* TestRuns.claim(worker, { limit: 2 })
            if (more.length === 0) break
            claimed.push(...more)
          }
          return claimed
        })
      const claimed = (yield* Effect.forEach(workers, drain, { concurrency: "unbounded" })).flat()
      strictEqual(claimed.length, 50)
      strictEqual(new Set(claimed.map((run) => run.runId)).size, 50)
      assertTrue(claimed.every((run) => run.leaseEpoch === 1 && run.attempt === 1))
    }),
  )
}

const aheadTests = (test: TestRuns.Test<ProjectPorts>): void => {
  const claimed = (...args: Parameters<typeof TestRuns.claim>) =>
    Effect.map(TestRuns.claim(...args), (runs) => runs.map(({ runId }) => runId))

  test(
    "a claim takes none ahead of a lane that its submission names, and the others in their order",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ publicId: "first", concurrencyKey: "one" })
      yield* TestRuns.submit({ publicId: "in lane", concurrencyKey: "two" })
      yield* TestRuns.submit({ publicId: "without lane", concurrencyKey: null })
      yield* TestRuns.submit({ publicId: "of a conversation" })
      deepStrictEqual(yield* claimed(worker, { limit: 4, ahead: 3 }), [
        "first",
        "without lane",
        "of a conversation",
      ])
      deepStrictEqual(yield* claimed(worker, { limit: 1 }), ["in lane"])
    }),
  )

  test(
    "a claim of runs ahead alone does not wait for one",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ publicId: "in lane", concurrencyKey: "one" })
      deepStrictEqual(yield* claimed(worker, { limit: 2, ahead: 2, wait: "10 seconds" }), [])
    }),
  )
}

const laneTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "runs of one conversation are claimed one at a time, in the order of submission",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { id } = yield* conversation
      yield* TestRuns.submit({ publicId: "first", conversationId: id })
      yield* TestRuns.submit({ publicId: "second", conversationId: id, priority: 100 })
      yield* TestRuns.submit({ publicId: "third", conversationId: id })
      for (const expected of ["first", "second", "third"]) {
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(
          claimed.map((run) => run.runId),
          [expected],
        )
        yield* TestRuns.complete(claimed[0]!)
      }
    }),
  )

  test(
    "a delayed, driven or suspended run blocks its lane until it ends",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const delayed = yield* TestRuns.submit({
        concurrencyKey: "lane",
        availableAt: yield* TestRuns.after("1 minute"),
      })
      const driven = yield* TestRuns.submit({ concurrencyKey: "lane", initialStatus: "running" })
      yield* TestRuns.submit({ concurrencyKey: "lane", publicId: "suspended" })
      yield* TestRuns.submit({ concurrencyKey: "lane", publicId: "last" })
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.cancel(delayed.runId)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.complete(driven.runId, { status: "completed" })
      const suspended = yield* TestRuns.claimOne(worker)
      strictEqual(suspended.runId, "suspended")
      yield* leases.suspend(TestRuns.leaseOf(suspended), TestRuns.forToolCall())
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.cancel(suspended.runId)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, "last")
    }),
  )

  test(
    "a run is updated when its lane lets it go, since its wait for a claim begins then",
    Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* TestRuns.submit({ concurrencyKey: "lane" })
      const second = yield* TestRuns.submit({ concurrencyKey: "lane" })
      yield* TestClock.adjust("7 seconds")
      yield* runs.cancel(first.runId)
      const { createdAt, updatedAt } = yield* runs.get(second.runId)
      strictEqual(updatedAt.epochMillis - createdAt.epochMillis, 7000)
    }),
  )

  test(
    "runs of one conversation overlap when their submissions allow it",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { id } = yield* conversation
      yield* TestRuns.submit({ conversationId: id, concurrencyKey: null })
      yield* TestRuns.submit({ conversationId: id, concurrencyKey: null })
      yield* TestRuns.submit({ conversationId: id, concurrencyKey: "other" })
      strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 3)
    }),
  )
}

const attemptTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a run becomes claimable at the moment its lease lapses, and no earlier",
    Effect.gen(function* () {
      const first = yield* TestRuns.register("first")
      const second = yield* TestRuns.register("second")
      const startedAt = yield* TestRuns.after(0)
      const { runId } = yield* TestRuns.hold(first)
      yield* TestClock.adjust("29999 millis")
      deepStrictEqual(yield* TestRuns.claim(second), [])
      yield* TestClock.adjust("1 millis")
      const again = yield* TestRuns.claimOne(second)
      strictEqual(again.runId, runId)
      strictEqual(again.leaseOwner, second)
      strictEqual(again.leaseEpoch, 2)
      strictEqual(again.attempt, 2)
      // The start of a run is its first claim.
      deepStrictEqual((yield* TestRuns.getRun(runId)).startedAt, startedAt)
    }),
  )

  test(
    "a run without attempts left fails and frees its lane",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.submit({ maxAttempts: 2, concurrencyKey: "lane" })
      yield* TestRuns.submit({ publicId: "next", concurrencyKey: "lane" })
      yield* TestRuns.claimOne(worker)
      yield* TestRuns.lapse
      strictEqual((yield* TestRuns.claimOne(worker)).attempt, 2)
      yield* TestRuns.lapse
      strictEqual((yield* TestRuns.claimOne(worker)).runId, "next")
      const run = yield* TestRuns.getRun(runId)
      strictEqual(run.status, "failed")
      strictEqual(run.error?.code, "attempts_exhausted")
      const events = yield* TestRuns.eventsOf(runId)
      strictEqual(events.at(-1)?.type, "RUN_ERROR")
      strictEqual(events.at(-1)?.["code"], "attempts_exhausted")
      // The log marks both attempts with their worker.
      const marks = events.filter((event) => event["name"] === "runlease.attempt")
      deepStrictEqual(
        marks.map((mark) => (mark["value"] as { previous: unknown }).previous),
        [1, 2].map((attempt) => ({ attempt, worker_id: worker, ended: "lease_expired" })),
      )
    }),
  )

  test(
    "a run without attempts left fails even when no worker claims",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      const run = yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status !== "running")
      strictEqual(run.status, "failed")
      strictEqual(run.error?.code, "attempts_exhausted")
    }),
  )
}

/** Declares the tests of `Claims`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Claims (${name})`, () => {
    selectionTests(test)
    aheadTests(test)
    laneTests(test)
    attemptTests(test)
  })

  ClaimWaitSuite.suite(name, layer)
  HandOverSuite.suite(name, layer)
  ClaimRepeatSuite.suite(name, layer)
}
