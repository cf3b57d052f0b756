/**
 * What every `Claims` must do: who gets which run, once, in which order, and when.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, type Layer, TestClock } from "effect"
import * as ClaimRepeatSuite from "./ClaimRepeatSuite.js"
import * as ClaimWaitSuite from "./ClaimWaitSuite.js"
import * as TestRuns from "./TestRuns.js"

const conversation = Effect.flatMap(Conversations, (conversations) => conversations.create())

/**
 * Declares the tests of `Claims`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Claims (${name})`, () => {
    test(
      "gives nothing when nothing is pending",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        deepStrictEqual(yield* TestRuns.claim(worker), [])
      }),
    )

    test(
      "gives the run with its snapshot, under a lease",
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
        strictEqual(DateTime.toEpochMillis(claimed.leaseExpiresAt!), 30_000)
        strictEqual(claimed.latestEventId, 1)
        strictEqual(claimed.latestSequence, 0)
        deepStrictEqual(yield* TestRuns.typesOf(run.runId), ["RUN_STARTED"])
        deepStrictEqual(yield* TestRuns.claim(worker), [])
      }),
    )

    test(
      "gives the next run when the first is cancelled at the same time",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const first = yield* TestRuns.submit({ publicId: "run-1", priority: 1 })
        yield* TestRuns.submit({ publicId: "run-2" })
        const [, claimed] = yield* Effect.all([runs.cancel(first.runId), TestRuns.claim(worker)], {
          concurrency: "unbounded",
        })
        // Whichever comes first, there is a run for the worker.
        strictEqual(claimed.length, 1)
      }),
    )

    test(
      "gives the messages of the conversation when the submission brought no snapshot",
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
      "refuses a worker that is not registered",
      Effect.gen(function* () {
        yield* TestRuns.submit()
        const stranger = Ids.WorkerId.make(yield* Ids.uuidV7)
        strictEqual(yield* TestRuns.verdictOf(TestRuns.claim(stranger)), "WorkerNotFound")
      }),
    )

    test(
      "takes the highest priority first, then the oldest",
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
      "leaves a run alone until its time has come",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ availableAt: DateTime.unsafeMake(10_000), priority: 10 })
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
      "gives a run that names a kind or a key only to workers of that name",
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
      "claims only runs of the agents asked for",
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
      "never gives a run that somebody else drives",
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
      "gives the runs of one conversation one at a time, in the order submitted",
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
      "keeps a lane closed behind a delayed, driven or suspended run, and opens it when that is cancelled",
      Effect.gen(function* () {
        const runs = yield* Runs
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const delayed = yield* TestRuns.submit({
          concurrencyKey: "lane",
          availableAt: DateTime.unsafeMake(60_000),
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
      "lets runs of one conversation overlap when the submitter says so",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { id } = yield* conversation
        yield* TestRuns.submit({ conversationId: id, concurrencyKey: null })
        yield* TestRuns.submit({ conversationId: id, concurrencyKey: null })
        yield* TestRuns.submit({ conversationId: id, concurrencyKey: "other" })
        strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 3)
      }),
    )

    test(
      "gives each of 50 runs to exactly one of 20 claimers",
      Effect.gen(function* () {
        yield* Effect.forEach(Array.from({ length: 50 }), () => TestRuns.submit(), { concurrency: 10 })
        const workers = yield* Effect.forEach(Array.from({ length: 20 }), (_, index) =>
          TestRuns.register(`worker-${index}`),
        )
        const drain = (worker: Ids.WorkerId) =>
          Effect.gen(function* () {
            const taken = [...(yield* TestRuns.claim(worker))]
            while (taken.length > 0) {
              const more = yield* TestRuns.claim(worker, { limit: 2 })
              if (more.length === 0) break
              taken.push(...more)
            }
            return taken
          })
        const claimed = (yield* Effect.forEach(workers, drain, { concurrency: "unbounded" })).flat()
        strictEqual(claimed.length, 50)
        strictEqual(new Set(claimed.map((run) => run.runId)).size, 50)
        assertTrue(claimed.every((run) => run.leaseEpoch === 1 && run.attempt === 1))
      }),
    )

    test(
      "gives a run whose lease lapsed to the next, and not a moment earlier",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        const { runId } = yield* TestRuns.hold(first)
        yield* TestClock.adjust("29999 millis")
        deepStrictEqual(yield* TestRuns.claim(second), [])
        yield* TestClock.adjust("1 millis")
        const again = yield* TestRuns.claimOne(second)
        strictEqual(again.runId, runId)
        strictEqual(again.leaseOwner, second)
        strictEqual(again.leaseEpoch, 2)
        strictEqual(again.attempt, 2)
        // It started when it was first claimed.
        strictEqual(DateTime.toEpochMillis((yield* TestRuns.getRun(runId)).startedAt!), 0)
      }),
    )

    test(
      "fails a run whose attempts are used up, and lets the next of its lane go",
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
        // Both attempts are marked, with who held them.
        const marks = events.filter((event) => event["name"] === "runlease.attempt")
        deepStrictEqual(
          marks.map((mark) => (mark["value"] as { previous: unknown }).previous),
          [1, 2].map((attempt) => ({ attempt, worker_id: worker, ended: "lease_expired" })),
        )
      }),
    )

    test(
      "fails a run whose attempts are used up without anybody claiming",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { runId } = yield* TestRuns.hold(worker, { maxAttempts: 1 })
        const run = yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status !== "running")
        strictEqual(run.status, "failed")
        strictEqual(run.error?.code, "attempts_exhausted")
      }),
    )
  })

  ClaimWaitSuite.suite(name, layer)
  ClaimRepeatSuite.suite(name, layer)
}
