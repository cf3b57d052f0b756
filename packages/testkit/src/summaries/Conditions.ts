/** Summaries suite: several values of one condition, conditions on outcomes, and the order of a list. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { RunStatus } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { type ListOrder, maxSearched, Summaries, type SummaryFilter } from "@runlease/core/Summaries"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { spawn, submit, titlesOf } from "./Listed.js"

type Filter = SummaryFilter & ListOrder

/** The titles of a list, and how many runs were searched for it. */
const found = (filter: Filter) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.runs({ ...filter, limit: 100 }), (page) => [titlesOf(page), page.searched]),
  )

const titles = (filter: Filter) =>
  Effect.flatMap(Summaries, (summaries) => Effect.map(summaries.runs({ ...filter, limit: 100 }), titlesOf))

/** The titles of each page. */
const pages = (filter: Filter, limit: number) =>
  Effect.gen(function* () {
    const summaries = yield* Summaries
    const all: Array<ReadonlyArray<string | null>> = []
    let cursor: string | undefined
    do {
      const page = yield* summaries.runs({ ...filter, limit, cursor })
      all.push(titlesOf(page))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return all
  })

const agents = (...names: ReadonlyArray<string>) => names.map((name) => Ids.AgentId.make(name))

/** A completed run with this metadata. */
const completed = (title: string, metadata: Readonly<Record<string, unknown>> | null, agentId = "agent") =>
  Effect.gen(function* () {
    const [runs, worker] = [yield* Runs, yield* TestRuns.register()]
    yield* submit(title, { agentId, priority: 9 })
    const run = yield* TestRuns.claimOne(worker)
    yield* runs.complete(run.runId, { status: "completed", metadata }, TestRuns.leaseOf(run))
    return run
  })

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "runs of one of several statuses are found by an index, in the order of their submission",
    Effect.gen(function* () {
      const [leases, runs] = [yield* Leases, yield* Runs]
      const worker = yield* TestRuns.register()
      for (const round of ["1", "2"]) {
        yield* completed(`completed ${round}`, null)
        yield* submit(`failed ${round}`, { priority: 8 })
        const failing = yield* TestRuns.claimOne(worker)
        yield* runs.complete(failing.runId, { status: "failed" }, TestRuns.leaseOf(failing))
        yield* submit(`waiting ${round}`, { priority: 8 })
        yield* leases.suspend(TestRuns.leaseOf(yield* TestRuns.claimOne(worker)), TestRuns.forToolCall())
        yield* submit(`running ${round}`, { priority: 8 })
        yield* TestRuns.claimOne(worker)
        yield* submit(`pending ${round}`, { agentId: "other" })
      }
      deepStrictEqual(yield* found({ status: ["pending", "running"] }), [
        ["pending 2", "running 2", "pending 1", "running 1"],
        null,
      ])
      deepStrictEqual(yield* found({ status: ["completed", "failed", "completed"] }), [
        ["failed 2", "completed 2", "failed 1", "completed 1"],
        null,
      ])
      deepStrictEqual(yield* found({ status: ["failed"] }), [["failed 2", "failed 1"], null])
      deepStrictEqual(yield* found({ status: ["pending", "waiting"], agentId: agents("other") }), [
        ["pending 2", "pending 1"],
        2,
      ])
      deepStrictEqual(yield* titles({ status: [] }), [])
      deepStrictEqual((yield* titles({ status: RunStatus.literals })).length, 10)
      const each = yield* pages({ status: ["waiting", "failed"] }, 3)
      deepStrictEqual(each, [["waiting 2", "failed 2", "waiting 1"], ["failed 1"]])
      const oldest = yield* pages({ status: ["waiting", "failed"], oldestFirst: true }, 3)
      deepStrictEqual(oldest, [["failed 1", "waiting 1", "failed 2"], ["waiting 2"]])
      // A page that each status could fill alone has the first of all.
      const newestOnes = yield* pages({ status: ["failed", "waiting"] }, 1)
      deepStrictEqual(newestOnes, [["waiting 2"], ["failed 2"], ["waiting 1"], ["failed 1"]])
      const oldestOnes = yield* pages({ status: ["waiting", "failed"], oldestFirst: true }, 1)
      deepStrictEqual(oldestOnes, [["failed 1"], ["waiting 1"], ["failed 2"], ["waiting 2"]])
    }),
  )

  test(
    "runs of one of several agents are found by an index; with another condition they are searched for",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      for (const name of ["a", "b", "c", "a", "c"]) yield* submit(`of ${name}`, { agentId: name })
      deepStrictEqual(yield* found({ agentId: agents("a", "c") }), [["of c", "of a", "of c", "of a"], null])
      deepStrictEqual(yield* found({ agentId: agents("b", "none") }), [["of b"], null])
      deepStrictEqual(yield* pages({ agentId: agents("a", "b"), oldestFirst: true }, 2), [
        ["of a", "of b"],
        ["of a"],
      ])
      yield* TestRuns.claimOne(worker)
      deepStrictEqual(yield* found({ agentId: agents("a", "b"), status: "running" }), [["of a"], 1])
    }),
  )

  test(
    "the oldest first, also where a search fills the pages",
    Effect.gen(function* () {
      yield* Effect.forEach(["x1", "y1", "x2", "y2", "x3"], (title) => submit(title))
      deepStrictEqual(yield* pages({ oldestFirst: true }, 2), [["x1", "y1"], ["x2", "y2"], ["x3"]])
      deepStrictEqual(yield* pages({ oldestFirst: true, text: "X" }, 2), [["x1", "x2"], ["x3"]])
    }),
  )

  test(
    "the code of an error is one of several",
    Effect.gen(function* () {
      const [runs, worker] = [yield* Runs, yield* TestRuns.register()]
      for (const code of ["TIMEOUT", "broken", "rate_limited"]) {
        yield* submit(code)
        const run = yield* TestRuns.claimOne(worker)
        const error = { code, message: "It broke" }
        yield* runs.complete(run.runId, { status: "failed", error }, TestRuns.leaseOf(run))
      }
      deepStrictEqual(yield* found({ errorCode: ["TIMEOUT", "rate_limited"] }), [
        ["rate_limited", "TIMEOUT"],
        3,
      ])
      deepStrictEqual(yield* titles({ errorCode: [] }), [])
    }),
  )

  test(
    "a value in the metadata of an outcome is compared as text, by its path",
    Effect.gen(function* () {
      const summaries = yield* Summaries
      yield* completed("gold", { customer: { plan: "gold", seats: 3 }, "a b": "ü", live: true, none: null })
      yield* completed("free", { customer: { plan: "free", seats: "3" }, list: ["x"], live: false }, "other")
      yield* completed("text", { customer: "one" })
      yield* completed("long", { customer: { plan: "gold" }, text: "x".repeat(17_000) })
      const parent = yield* TestRuns.register().pipe(
        Effect.zipLeft(submit("parent")),
        Effect.flatMap((worker) => TestRuns.claimOne(worker)),
      )
      yield* spawn(TestRuns.leaseOf(parent), "child")
      const of = (metadata: SummaryFilter["metadata"], rest: Filter = {}) => titles({ metadata, ...rest })
      deepStrictEqual(yield* of({ "customer.plan": "gold" }), ["gold"])
      deepStrictEqual(yield* of({ "customer.plan": ["gold", "free"] }), ["free", "gold"])
      deepStrictEqual(yield* of({ "customer.seats": "3" }), ["free", "gold"])
      deepStrictEqual(yield* of({ "customer.seats": "3", live: "true" }), ["gold"])
      deepStrictEqual(yield* of({ "a b": "ü" }), ["gold"])
      deepStrictEqual(yield* of({ none: "null" }), ["gold"])
      for (const path of ["customer", "list", "list.0", "list.length", "plan", "customer.plan.length"]) {
        deepStrictEqual(yield* of({ [path]: ["x", "1", "4", "[object Object]", "gold"] }), [])
      }
      deepStrictEqual(yield* of({ constructor: "x", toString: "x" }), [])
      deepStrictEqual(yield* of({ live: "false" }, { agentId: agents("other", "agent") }), ["free"])
      deepStrictEqual(yield* of({ "customer.plan": "gold" }, { status: "running" }), [])
      deepStrictEqual(yield* of({ "customer.plan": "gold" }, { status: ["failed", "completed"] }), ["gold"])
      deepStrictEqual(yield* of({ "customer.plan": "gold" }, { oldestFirst: true, roots: true }), ["gold"])
      deepStrictEqual((yield* of({})).length, 6)
      const { counts } = yield* summaries.counts({ metadata: { live: ["true", "false"] } })
      strictEqual(counts.completed, 2)
    }),
  )

  test(
    "a search for metadata looks at a bounded number of runs for a page, and the next page continues",
    Effect.gen(function* () {
      const [runs, summaries] = [yield* Runs, yield* Summaries]
      yield* completed("wanted", { plan: "gold" })
      yield* Effect.replicateEffect(runs.submit({ agentId: "agent" }), maxSearched + 10, {
        concurrency: 250,
        discard: true,
      })
      const first = yield* summaries.runs({ metadata: { plan: "gold" } })
      deepStrictEqual([titlesOf(first), first.searched], [[], maxSearched])
      const next = yield* summaries.runs({ metadata: { plan: "gold" }, cursor: first.next! })
      deepStrictEqual([titlesOf(next), next.searched, next.next], [["wanted"], 11, null])
      strictEqual((yield* summaries.counts({ metadata: { plan: "gold" } })).whole, false)
    }),
  )
}
