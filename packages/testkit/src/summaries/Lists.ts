/** Summaries suite: lists of runs, by what they are and by what a search finds. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { RunStatus } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { maxSearched, Summaries, type SummaryFilter } from "@runlease/core/Summaries"
import { DateTime, Effect, TestClock } from "effect"
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

/** Declares the tests in the suite of the caller. */
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
}
