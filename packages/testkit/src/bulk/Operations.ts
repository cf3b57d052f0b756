/** Bulk suite: operations as records, and the filters that they store. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { BulkId } from "@runlease/core/BulkOperation"
import { BulkOperations, type NewBulk } from "@runlease/core/BulkOperations"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import { Runs } from "@runlease/core/Runs"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const { agent, allDone, countsOf, ended, run, statuses, submit } = TestBulk

const missing = BulkId.make("0190a000-0000-7000-8000-000000000000")

export const declare = (test: TestRuns.Test<StorePorts | ControlPlane>): void => {
  test(
    "a wrong field is named, and nothing is made",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      yield* submit(1)
      const refused = (bulk: NewBulk) =>
        Effect.map(Effect.flip(bulks.create(bulk)), (error) =>
          error._tag === "InvalidBulk" ? [error.field, error.message] : [error._tag],
        )
      const fieldOf = (bulk: NewBulk) => Effect.map(refused(bulk), ([field]) => field)
      strictEqual(yield* fieldOf({ action: "cancel" }), "filter")
      strictEqual(yield* fieldOf({ action: "cancel", filter: {} }), "filter")
      strictEqual(yield* fieldOf({ action: "cancel", filter: { labels: {}, roots: false } }), "filter")
      strictEqual(yield* fieldOf({ action: "cancel", runIds: [] }), "runIds")
      const many = Array.from({ length: 1001 }, (_, index) => `r${index}`)
      strictEqual(yield* fieldOf({ action: "cancel", runIds: many }), "runIds")
      strictEqual(yield* fieldOf({ action: "cancel", runIds: ["r"], filter: { status: "failed" } }), "runIds")
      strictEqual(yield* fieldOf({ action: "cancel", runIds: ["r"], all: true }), "all")
      strictEqual(yield* fieldOf({ action: "label", all: true }), "labels")
      strictEqual(yield* fieldOf({ action: "label", all: true, labels: {} }), "labels")
      strictEqual(yield* fieldOf({ action: "label", all: true, labels: { A: "b" } }), "labels.A")
      strictEqual(yield* fieldOf({ action: "retry", all: true, labels: { a: "b" } }), "labels")
      strictEqual(yield* fieldOf({ action: "cancel", all: true, reason: "" }), "reason")
      strictEqual(yield* fieldOf({ action: "cancel", all: true, reason: "x".repeat(501) }), "reason")
      strictEqual(yield* fieldOf({ action: "cancel", filter: { text: "" } }), "filter.text")
      strictEqual(yield* fieldOf({ action: "cancel", filter: { attempt: 0 } }), "filter.attempt")
      const [, message] = yield* refused({ action: "cancel", filter: {} })
      strictEqual(message?.includes("set all to true"), true)
      deepStrictEqual((yield* bulks.list()).items, [])
      deepStrictEqual(yield* statuses, { pending: 1 })
    }),
  )

  test(
    "takes runs by their ids, each once, and says which it does not find",
    Effect.gen(function* () {
      const runs = yield* Runs
      const [first, second, third] = yield* submit(4)
      yield* runs.cancel(second!.runId)
      const runIds = [first!.runId, "nowhere", second!.runId, first!.runId, third!.runId]
      const bulk = yield* run({ action: "cancel", runIds })
      deepStrictEqual([bulk.filter, bulk.named], [null, 4])
      deepStrictEqual(countsOf(bulk), { matched: 4, done: 2, skipped: 1, failed: 1 })
      deepStrictEqual(
        bulk.failures.map(({ code, runId }) => [code, runId]),
        [["run_not_found", "nowhere"]],
      )
      deepStrictEqual(yield* statuses, { pending: 1, cancelled: 3 })
    }),
  )

  test(
    "takes a thousand ids",
    Effect.gen(function* () {
      const made = yield* submit(1000)
      const bulk = yield* run({ action: "cancel", runIds: made.map(({ runId }) => runId) })
      deepStrictEqual([countsOf(bulk), bulk.searched], [allDone(1000), 1000])
      deepStrictEqual(yield* statuses, { cancelled: 1000 })
    }),
  )

  test(
    "a dry run changes nothing, and counts what the operation then does",
    Effect.gen(function* () {
      yield* TestBulk.submitFailed(70)
      yield* submit(300)
      const both = (bulk: NewBulk) =>
        Effect.gen(function* () {
          const before = yield* statuses
          const dry = yield* run({ ...bulk, dryRun: true })
          deepStrictEqual([dry.dryRun, yield* statuses], [true, before])
          deepStrictEqual(countsOf(yield* run(bulk)), countsOf(dry))
        })
      yield* both({ action: "label", all: true, labels: { team: "a" } })
      yield* both({ action: "retry", all: true })
      yield* both({ action: "cancel", all: true })
      deepStrictEqual(yield* statuses, { failed: 70, cancelled: 370 })
    }),
  )

  test(
    "a repeat with the same key returns the first operation, and submits no run again",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      yield* TestBulk.submitFailed(3)
      const bulk = { action: "retry", filter: { status: "failed" }, idempotencyKey: "again" } as const
      const [first, second] = yield* Effect.all([bulks.create(bulk), bulks.create(bulk)], { concurrency: 2 })
      strictEqual(second.id, first.id)
      const done = yield* ended(first)
      deepStrictEqual(yield* bulks.create(bulk), done)
      deepStrictEqual(yield* bulks.create({ ...bulk, dryRun: true }), done)
      deepStrictEqual(yield* statuses, { failed: 3, pending: 3 })
      const other = yield* run({ ...bulk, idempotencyKey: "once more" })
      deepStrictEqual([other.id === first.id, yield* statuses], [false, { failed: 3, pending: 6 }])
      const named = (key: string) => Effect.flip(bulks.create({ ...bulk, idempotencyKey: key }))
      for (const key of ["", "k".repeat(129)]) {
        const error = yield* named(key)
        deepStrictEqual(error._tag === "InvalidBulk" && error.field, "idempotencyKey")
      }
    }),
  )

  test(
    "abort stops an operation, and what it has done stays",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      yield* submit(3000)
      const { done, id, status } = yield* TestBulk.create({ action: "cancel", all: true })
      strictEqual(status, "running")
      const aborted = yield* bulks.abort(id)
      deepStrictEqual([aborted.status, aborted.cursor], ["aborted", null])
      strictEqual(aborted.done >= done && aborted.done < 3000, true)
      yield* TestRuns.settle
      deepStrictEqual(yield* statuses, { pending: 3000 - aborted.done, cancelled: aborted.done })
      deepStrictEqual(yield* bulks.abort(id), aborted)
      deepStrictEqual(yield* bulks.get(id), aborted)
      strictEqual(yield* TestRuns.verdictOf(bulks.get(missing)), "BulkNotFound")
      strictEqual(yield* TestRuns.verdictOf(bulks.abort(missing)), "BulkNotFound")
    }),
  )

  test(
    "several operations take turns, and all end",
    Effect.gen(function* () {
      yield* submit(400, { agentId: "a" })
      yield* submit(400, { agentId: "b" })
      const cancel = (name: string) =>
        TestBulk.create({ action: "cancel", filter: { agentId: TestBulk.agent(name) } })
      const [first, second] = yield* Effect.all([cancel("a"), cancel("b")], { concurrency: 2 })
      deepStrictEqual(countsOf(yield* ended(first)), allDone(400))
      deepStrictEqual(countsOf(yield* ended(second)), allDone(400))
      deepStrictEqual(yield* statuses, { cancelled: 800 })
    }),
  )

  test(
    "a project without runs has nothing to do",
    Effect.gen(function* () {
      const bulk = yield* run({ action: "cancel", all: true })
      deepStrictEqual([bulk.status, countsOf(bulk), bulk.searched], ["completed", allDone(0), 0])
    }),
  )

  test(
    "pruning deletes operations that have ended long enough ago",
    Effect.gen(function* () {
      const [bulks, controlPlane] = [yield* BulkOperations, yield* ControlPlane]
      const { projectId } = yield* run({ action: "cancel", all: true })
      yield* TestClock.adjust("20 seconds")
      const later = yield* run({ action: "cancel", all: true })
      yield* controlPlane.prune({ projectId, olderThan: "20 seconds" })
      deepStrictEqual(
        (yield* bulks.list()).items.map(({ id }) => id),
        [later.id],
      )
    }),
  )

  test(
    "list has the newest first, by status and by page",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      const made: Array<string> = []
      for (const reason of ["a", "b", "c"]) {
        made.unshift((yield* run({ action: "cancel", all: true, reason })).id)
      }
      yield* submit(3000)
      const running = yield* TestBulk.create({ action: "cancel", all: true })
      yield* bulks.abort(running.id)
      const idsOf = (page: Effect.Effect.Success<ReturnType<typeof bulks.list>>) =>
        page.items.map(({ id }) => id)
      const first = yield* bulks.list({ limit: 2 })
      deepStrictEqual(idsOf(first), [running.id, made[0]])
      deepStrictEqual(idsOf(yield* bulks.list({ limit: 2, cursor: first.next! })), made.slice(1))
      deepStrictEqual(idsOf(yield* bulks.list({ status: "aborted" })), [running.id])
      deepStrictEqual(idsOf(yield* bulks.list({ status: "completed" })), made)
    }),
  )

  test(
    "finds runs with one of the values of each condition, and stores the filter",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      yield* submit(300, { agentId: "a" })
      yield* submit(300, { agentId: "b" })
      yield* submit(5, { agentId: "c" })
      const filter = { status: ["pending", "waiting"] as const, agentId: [agent("a"), agent("b")] }
      const cancelled = yield* run({ action: "cancel", filter })
      deepStrictEqual(countsOf(cancelled), allDone(600))
      deepStrictEqual((yield* bulks.get(cancelled.id)).filter, filter)
      deepStrictEqual(yield* statuses, { pending: 5, cancelled: 600 })
      yield* TestBulk.submitFailed(3, { agentId: "d" })
      const retried = yield* run({
        action: "retry",
        filter: { status: ["failed", "completed"], agentId: [agent("d")] },
      })
      deepStrictEqual(countsOf(retried), allDone(3))
    }),
  )

  test(
    "finds runs by the metadata of their outcomes",
    Effect.gen(function* () {
      const [runs, worker] = [yield* Runs, yield* TestRuns.register()]
      for (const plan of ["gold", "free", "gold"]) {
        const claimed = yield* TestRuns.hold(worker)
        const metadata = { customer: { plan } }
        yield* runs.complete(claimed.runId, { status: "completed", metadata }, TestRuns.leaseOf(claimed))
      }
      yield* submit(300)
      const label = (filter: NewBulk["filter"]) =>
        Effect.map(run({ action: "label", filter, labels: { team: "x" } }), countsOf)
      deepStrictEqual(yield* label({ metadata: { "customer.plan": "gold" } }), allDone(2))
      deepStrictEqual(yield* label({ metadata: { "customer.plan": ["none"] } }), allDone(0))
      deepStrictEqual((yield* runs.list({ labels: { team: "x" } })).items.length, 2)
    }),
  )

  test(
    "refuses a condition without values, with too many, and with a path that is none",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      const fieldOf = (filter: NewBulk["filter"]) =>
        Effect.map(Effect.flip(bulks.create({ action: "cancel", filter })), (error) =>
          error._tag === "InvalidBulk" ? error.field : error._tag,
        )
      const codes = Array.from({ length: 21 }, (_, index) => `c${index}`)
      deepStrictEqual(yield* fieldOf({ metadata: {} }), "filter")
      deepStrictEqual(yield* fieldOf({ status: [] }), "filter.status")
      deepStrictEqual(yield* fieldOf({ errorCode: codes }), "filter.errorCode")
      deepStrictEqual(yield* fieldOf({ metadata: { "a..b": "x" } }), "filter.metadata.a..b")
      const paths = Object.fromEntries(codes.map((code) => [code, "x"]))
      deepStrictEqual(yield* fieldOf({ metadata: paths }), "filter.metadata")
    }),
  )
}
