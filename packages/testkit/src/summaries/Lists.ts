/** Summaries suite: lists of runs by their conditions, and the position of a run among others. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { RunStatus } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { type ListOrder, maxSearched, Summaries, type SummaryFilter } from "@runlease/core/Summaries"
import { Clock, DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { spawn, submit, titlesOf } from "./Listed.js"

const agent = Ids.AgentId.make("agent")

const list = (filter: SummaryFilter = {}) =>
  Effect.flatMap(Summaries, (summaries) => summaries.runs({ ...filter, limit: 100 }))

const titles = (filter: SummaryFilter = {}) => Effect.map(list(filter), titlesOf)

/** The titles of all pages of this many runs, and the numbers of runs that each has searched. */
const pages = (filter: SummaryFilter, limit: number) =>
  Effect.gen(function* () {
    const summaries = yield* Summaries
    const found: Array<ReadonlyArray<string | null>> = []
    const searched: Array<number | null> = []
    let cursor: string | undefined
    do {
      const page = yield* summaries.runs({ ...filter, limit, cursor })
      found.push(titlesOf(page))
      searched.push(page.searched)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return { found, searched }
  })

/** A run in each status, whose title is its status. */
const oneOfEach = Effect.gen(function* () {
  const runs = yield* Runs
  const leases = yield* Leases
  const worker = yield* TestRuns.register()
  const hold = (title: string) => Effect.zipRight(submit(title), TestRuns.claimOne(worker))
  const completed = yield* hold("completed")
  yield* TestRuns.complete(completed)
  const failed = yield* hold("failed")
  yield* runs.complete(failed.runId, { status: "failed" }, TestRuns.leaseOf(failed))
  yield* leases.suspend(TestRuns.leaseOf(yield* hold("waiting")), TestRuns.forToolCall())
  yield* runs.cancel((yield* submit("cancelled")).runId)
  yield* hold("running")
  yield* submit("pending")
})

export const tests = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a list has the newest runs first, of one status where that is named",
    Effect.gen(function* () {
      deepStrictEqual(yield* list(), { items: [], next: null, searched: null })
      yield* oneOfEach
      deepStrictEqual(yield* titles(), ["pending", "running", "cancelled", "waiting", "failed", "completed"])
      for (const status of RunStatus.literals) {
        const page = yield* list({ status })
        deepStrictEqual([titlesOf(page), page.searched], [[status], null])
        strictEqual(page.items[0]!.status, status)
      }
    }),
  )

  test(
    "a list of an agent, a conversation or a parent needs no search; further conditions do",
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const worker = yield* TestRuns.register()
      const { id: conversationId } = yield* conversations.create()
      yield* submit("other agent", { agentId: "other" })
      yield* submit("in conversation", { conversationId })
      yield* submit("parent", { priority: 1 })
      const parent = yield* TestRuns.claimOne(worker)
      yield* spawn(TestRuns.leaseOf(parent), "child")
      yield* submit("below", { parentRunId: parent.runId, agentId: "other", conversationId })

      const found = (filter: SummaryFilter) =>
        Effect.map(list(filter), (page) => [titlesOf(page), page.searched])
      const parentRunId = parent.runId
      const other = Ids.AgentId.make("other")
      deepStrictEqual(yield* found({ agentId: other }), [["below", "other agent"], null])
      deepStrictEqual(yield* found({ conversationId }), [["below", "in conversation"], null])
      deepStrictEqual(yield* found({ parentRunId }), [["below", "child"], null])
      deepStrictEqual(yield* found({ parentRunId, agentId: other }), [["below"], 2])
      deepStrictEqual(yield* found({ parentRunId, conversationId }), [["below"], 2])
      deepStrictEqual(yield* found({ conversationId, status: "running" }), [[], 2])
      deepStrictEqual(yield* found({ status: "running", agentId: agent }), [["parent"], 1])
      deepStrictEqual(yield* found({ roots: true }), [
        ["below", "parent", "in conversation", "other agent"],
        5,
      ])
      deepStrictEqual(yield* found({ roots: false, text: "" }), [
        ["below", "child", "parent", "in conversation", "other agent"],
        null,
      ])
    }),
  )

  test(
    "a text is in the title, in any case, or at the start or the end of the id",
    Effect.gen(function* () {
      yield* submit("Straßen und ÄRGER", { publicId: "first-ABC" })
      yield* submit("100% of_it", { publicId: "second-abcd" })
      yield* TestRuns.submit({ publicId: "third-abc" })
      deepStrictEqual(yield* titles({ text: "ärger" }), ["Straßen und ÄRGER"])
      deepStrictEqual(yield* titles({ text: "% of" }), ["100% of_it"])
      deepStrictEqual(yield* titles({ text: "_" }), ["100% of_it"])
      deepStrictEqual(yield* titles({ text: "ABC" }), [null, "Straßen und ÄRGER"])
      deepStrictEqual(yield* titles({ text: "Second" }), ["100% of_it"])
      deepStrictEqual(yield* titles({ text: "cond" }), [])
    }),
  )

  test(
    "the least attempt is searched for",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* submit("again")
      yield* TestRuns.claimOne(worker)
      yield* TestRuns.lapse
      yield* TestRuns.claimOne(worker)
      yield* submit("once")
      yield* TestRuns.claimOne(worker)
      yield* submit("never")
      deepStrictEqual(yield* titles({ attempt: 2 }), ["again"])
      deepStrictEqual(yield* titles({ attempt: 1 }), ["once", "again"])
    }),
  )

  test(
    "the code of an error is searched for, and the runs of a filter are counted by their status",
    Effect.gen(function* () {
      const [runs, summaries] = [yield* Runs, yield* Summaries]
      yield* oneOfEach
      const worker = yield* TestRuns.register()
      const failing = Effect.fnUntraced(function* (title: string, code: string | null) {
        yield* submit(title, { priority: 9 })
        const run = yield* TestRuns.claimOne(worker)
        const error = { code, message: "It broke" }
        yield* runs.complete(run.runId, { status: "failed", error }, TestRuns.leaseOf(run))
        return run
      })
      yield* failing("a", "rate_limited")
      yield* failing("b", null)
      const last = yield* failing("c", "rate_limited")
      deepStrictEqual(yield* titles({ errorCode: "rate_limited" }), ["c", "a"])
      deepStrictEqual(yield* titles({ errorCode: "rate_limited", status: "failed" }), ["c", "a"])
      deepStrictEqual(yield* titles({ errorCode: "rate_limited", status: "completed" }), [])
      deepStrictEqual(yield* titles({ errorCode: "rate" }), [])

      const none = { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }
      const each = { pending: 1, running: 1, waiting: 1, completed: 1, failed: 4, cancelled: 1 }
      deepStrictEqual(yield* summaries.counts(), { counts: each, searched: 9, whole: true })
      deepStrictEqual(yield* summaries.counts({ status: "running" }), {
        counts: each,
        searched: 9,
        whole: true,
      })
      const limited = yield* summaries.counts({ errorCode: "rate_limited" })
      deepStrictEqual(limited, { counts: { ...none, failed: 2 }, searched: 9, whole: true })
      const { conversationId } = yield* TestRuns.getRun(last.runId)
      deepStrictEqual(yield* summaries.counts({ conversationId }), {
        counts: { ...none, failed: 1 },
        searched: 1,
        whole: true,
      })
      deepStrictEqual((yield* summaries.counts({ text: "nothing" })).counts, none)
    }),
  )

  test(
    "the time of the submission is bounded from one instant on, and before another",
    Effect.gen(function* () {
      for (const name of Array.from({ length: 40 }, (_, index) => String(index))) {
        yield* submit(`#${name}`, { agentId: Number(name) % 2 === 0 ? "even" : "odd" })
        yield* TestClock.adjust("10 seconds")
      }
      const at = (index: number) => DateTime.unsafeMake(index * 10_000)
      deepStrictEqual(yield* titles({ from: at(37) }), ["#39", "#38", "#37"])
      deepStrictEqual(yield* titles({ to: at(2) }), ["#1", "#0"])
      deepStrictEqual(yield* titles({ from: at(10), to: at(12) }), ["#11", "#10"])
      deepStrictEqual(yield* titles({ from: at(10), to: at(10) }), [])
      deepStrictEqual(yield* titles({ from: at(40) }), [])
      deepStrictEqual(yield* titles({ to: at(0) }), [])
      const even = Ids.AgentId.make("even")
      deepStrictEqual(yield* titles({ from: at(5), to: at(9), agentId: even }), ["#8", "#6"])
      deepStrictEqual(yield* titles({ from: at(5), to: at(9), status: "pending" }), ["#8", "#7", "#6", "#5"])
      deepStrictEqual(yield* titles({ from: at(5), to: at(15), text: "#1" }), [
        "#14",
        "#13",
        "#12",
        "#11",
        "#10",
      ])
      const { found } = yield* pages({ from: at(10), to: at(15) }, 2)
      deepStrictEqual(found, [["#14", "#13"], ["#12", "#11"], ["#10"]])
    }),
  )

  test(
    "pages follow each other, also where a search fills them",
    Effect.gen(function* () {
      yield* Effect.forEach(["x1", "y1", "x2", "y2", "x3"], (title) => submit(title))
      deepStrictEqual(yield* pages({}, 2), {
        found: [["x3", "y2"], ["x2", "y1"], ["x1"]],
        searched: [null, null, null],
      })
      const search = yield* pages({ text: "X" }, 2)
      deepStrictEqual(search, { found: [["x3", "x2"], ["x1"]], searched: [3, 2] })
      strictEqual(
        yield* TestRuns.verdictOf(
          Effect.flatMap(Summaries, (summaries) => summaries.runs({ cursor: "none" })),
        ),
        "InvalidCursor",
      )
    }),
  )

  test(
    "a search looks at a bounded number of runs for a page, and the next page continues",
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* submit("Wanted")
      yield* Effect.replicateEffect(runs.submit({ agentId: agent }), maxSearched + 10, {
        concurrency: 250,
        discard: true,
      })
      deepStrictEqual(yield* pages({ text: "wanted" }, 10), {
        found: [[], ["Wanted"]],
        searched: [maxSearched, 11],
      })
      const { counts, searched, whole } = yield* Effect.flatMap(Summaries, (summaries) => summaries.counts())
      deepStrictEqual([counts.pending, searched, whole], [maxSearched, maxSearched, false])
    }),
  )

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
      deepStrictEqual(yield* titlesSearched({ status: ["pending", "running"] }), [
        ["pending 2", "running 2", "pending 1", "running 1"],
        null,
      ])
      deepStrictEqual(yield* titlesSearched({ status: ["completed", "failed", "completed"] }), [
        ["failed 2", "completed 2", "failed 1", "completed 1"],
        null,
      ])
      deepStrictEqual(yield* titlesSearched({ status: ["failed"] }), [["failed 2", "failed 1"], null])
      deepStrictEqual(yield* titlesSearched({ status: ["pending", "waiting"], agentId: agents("other") }), [
        ["pending 2", "pending 1"],
        2,
      ])
      deepStrictEqual(yield* titlesBy({ status: [] }), [])
      deepStrictEqual((yield* titlesBy({ status: RunStatus.literals })).length, 10)
      const each = yield* titlesOfPages({ status: ["waiting", "failed"] }, 3)
      deepStrictEqual(each, [["waiting 2", "failed 2", "waiting 1"], ["failed 1"]])
      const oldest = yield* titlesOfPages({ status: ["waiting", "failed"], oldestFirst: true }, 3)
      deepStrictEqual(oldest, [["failed 1", "waiting 1", "failed 2"], ["waiting 2"]])
      // A page that each status could fill alone has the first of all.
      const newestOnes = yield* titlesOfPages({ status: ["failed", "waiting"] }, 1)
      deepStrictEqual(newestOnes, [["waiting 2"], ["failed 2"], ["waiting 1"], ["failed 1"]])
      const oldestOnes = yield* titlesOfPages({ status: ["waiting", "failed"], oldestFirst: true }, 1)
      deepStrictEqual(oldestOnes, [["failed 1"], ["waiting 1"], ["failed 2"], ["waiting 2"]])
    }),
  )

  test(
    "runs of one of several agents are found by an index; with another condition they are searched for",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      for (const name of ["a", "b", "c", "a", "c"]) yield* submit(`of ${name}`, { agentId: name })
      deepStrictEqual(yield* titlesSearched({ agentId: agents("a", "c") }), [
        ["of c", "of a", "of c", "of a"],
        null,
      ])
      deepStrictEqual(yield* titlesSearched({ agentId: agents("b", "none") }), [["of b"], null])
      deepStrictEqual(yield* titlesOfPages({ agentId: agents("a", "b"), oldestFirst: true }, 2), [
        ["of a", "of b"],
        ["of a"],
      ])
      yield* TestRuns.claimOne(worker)
      deepStrictEqual(yield* titlesSearched({ agentId: agents("a", "b"), status: "running" }), [["of a"], 1])
    }),
  )

  test(
    "the oldest first, also where a search fills the pages",
    Effect.gen(function* () {
      yield* Effect.forEach(["x1", "y1", "x2", "y2", "x3"], (title) => submit(title))
      deepStrictEqual(yield* titlesOfPages({ oldestFirst: true }, 2), [["x1", "y1"], ["x2", "y2"], ["x3"]])
      deepStrictEqual(yield* titlesOfPages({ oldestFirst: true, text: "X" }, 2), [["x1", "x2"], ["x3"]])
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
      deepStrictEqual(yield* titlesSearched({ errorCode: ["TIMEOUT", "rate_limited"] }), [
        ["rate_limited", "TIMEOUT"],
        3,
      ])
      deepStrictEqual(yield* titlesBy({ errorCode: [] }), [])
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
      const of = (metadata: SummaryFilter["metadata"], rest: OrderedFilter = {}) =>
        titlesBy({ metadata, ...rest })
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

  test(
    "one label needs no search; with several, a search begins at the one that the fewest runs have",
    Effect.gen(function* () {
      const [runs, summaries] = [yield* Runs, yield* Summaries]
      for (const name of ["a", "b", "c", "d"]) {
        yield* submit(`#${name}`, { labels: { common: "yes", rare: name === "b" ? "yes" : "no" } })
      }
      yield* submit("#e", { agentId: "other", labels: { common: "yes" } })
      const last = yield* submit("#f")
      const common = { common: "yes" }
      deepStrictEqual(yield* titlesSearched({ labels: common }), [["#e", "#d", "#c", "#b", "#a"], null])
      deepStrictEqual(yield* titlesSearched({ labels: { ...common, rare: "yes" } }), [["#b"], 1])
      deepStrictEqual(yield* titlesSearched({ labels: { ...common, rare: "no" } }), [["#d", "#c", "#a"], 3])
      deepStrictEqual(yield* titlesSearched({ labels: { ...common, rare: "?" } }), [[], 0])
      deepStrictEqual(yield* titlesSearched({ labels: common, agentId: Ids.AgentId.make("other") }), [
        ["#e"],
        1,
      ])
      deepStrictEqual(yield* titlesSearched({ labels: common, text: "#C" }), [["#c"], 5])
      deepStrictEqual(yield* titlesSearched({ labels: common, status: "cancelled" }), [[], 0])
      deepStrictEqual(yield* titlesSearched({ labels: common, conversationId: last.conversationId }), [[], 1])
      deepStrictEqual(yield* titlesSearched({ labels: {} }), [["#f", "#e", "#d", "#c", "#b", "#a"], null])
      const page = yield* summaries.runs({ labels: common, limit: 2 })
      const next = yield* summaries.runs({ labels: common, limit: 2, cursor: page.next ?? undefined })
      deepStrictEqual(
        [titlesOf(page), titlesOf(next)],
        [
          ["#e", "#d"],
          ["#c", "#b"],
        ],
      )
      const { counts, searched, whole } = yield* summaries.counts({ labels: common })
      deepStrictEqual([counts.pending, searched, whole], [5, 5, true])
      yield* runs.label(last.runId, common)
      deepStrictEqual((yield* summaries.run(last.runId)).labels, common)
      deepStrictEqual((yield* titlesSearched({ labels: common }))[0], ["#f", "#e", "#d", "#c", "#b", "#a"])
    }),
  )

  test(
    "a run that may be claimed is behind those that claims prefer, of its kind and key",
    Effect.gen(function* () {
      const first = yield* TestRuns.submit()
      const second = yield* TestRuns.submit()
      const urgent = yield* TestRuns.submit({ priority: 5 })
      yield* TestRuns.submit({ implementationKind: "other", priority: 9 })
      yield* TestRuns.submit({ implementationKind: "test", workerKey: "worker-1", priority: 9 })
      const own = yield* TestRuns.submit({ implementationKind: "test", workerKey: "worker-1" })
      deepStrictEqual(yield* placeOf(urgent.runId), ["runnable", null, 0, 0])
      deepStrictEqual(yield* placeOf(first.runId), ["runnable", null, 0, 1])
      deepStrictEqual(yield* placeOf(second.runId), ["runnable", null, 0, 2])
      deepStrictEqual(yield* placeOf(own.runId), ["runnable", null, 0, 1])
    }),
  )

  test(
    "a run behind others of its lane shows the first of them, in whatever state that is, and how many there are",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { id: conversationId } = yield* Effect.flatMap(Conversations, ({ create }) => create({}))
      const worker = yield* TestRuns.register()
      const first = yield* TestRuns.submit({ conversationId })
      const second = yield* TestRuns.submit({ conversationId })
      const third = yield* TestRuns.submit({ conversationId })
      deepStrictEqual(yield* placeOf(third.runId), ["behind", first.runId, 2, null])
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual(yield* placeOf(first.runId), [null, null, 0, null])
      strictEqual((yield* standing(third.runId)).ahead?.status, "running")
      yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
      strictEqual((yield* standing(third.runId)).ahead?.status, "waiting")
      deepStrictEqual(yield* placeOf(second.runId), ["behind", first.runId, 1, null])
    }),
  )

  test(
    "a run that was handed back with a delay is delayed, by the time of the store",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* leases.release(TestRuns.leaseOf(claimed), { delay: "10 seconds", reason: "out of paper" })
      strictEqual((yield* standing(claimed.runId)).reason, "out of paper")
      deepStrictEqual(yield* placeOf(claimed.runId), ["delayed", null, 0, null])
      yield* TestClock.adjust("5 seconds")
      strictEqual((yield* standing(claimed.runId)).now.epochMillis, yield* Clock.currentTimeMillis)
    }),
  )

  test(
    "a run that is not there has no position",
    Effect.gen(function* () {
      const { runId } = yield* TestRuns.submit({ publicId: "there" })
      yield* standing(runId)
      strictEqual(yield* TestRuns.verdictOf(standing("nothing" as Ids.RunId)), "RunNotFound")
    }),
  )
}

type OrderedFilter = SummaryFilter & ListOrder

/** The titles of a list, and how many runs were searched for it. */
const titlesSearched = (filter: OrderedFilter) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.runs({ ...filter, limit: 100 }), (page) => [titlesOf(page), page.searched]),
  )

const titlesBy = (filter: OrderedFilter) =>
  Effect.flatMap(Summaries, (summaries) => Effect.map(summaries.runs({ ...filter, limit: 100 }), titlesOf))

const titlesOfPages = (filter: OrderedFilter, limit: number) =>
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

const completed = (title: string, metadata: Readonly<Record<string, unknown>> | null, agentId = "agent") =>
  Effect.gen(function* () {
    const [runs, worker] = [yield* Runs, yield* TestRuns.register()]
    yield* submit(title, { agentId, priority: 9 })
    const run = yield* TestRuns.claimOne(worker)
    yield* runs.complete(run.runId, { status: "completed", metadata }, TestRuns.leaseOf(run))
    return run
  })

const standing = (runId: Ids.RunId) => Effect.flatMap(Summaries, (summaries) => summaries.standing(runId))

/** The gate of a run, the run that is ahead of it, and how many runs are before it in its lane and in the queue. */
const placeOf = (runId: Ids.RunId) =>
  Effect.map(standing(runId), ({ ahead, gate, queuedBefore, runsAhead }) => [
    gate,
    ahead?.runId ?? null,
    runsAhead,
    queuedBefore,
  ])
