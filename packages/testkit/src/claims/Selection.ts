/** Claims suite: which runs a claim returns, and in which order. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const conversation = Effect.flatMap(Conversations, (conversations) => conversations.create())

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
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
