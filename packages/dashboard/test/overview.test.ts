import { assert, describe, it } from "@effect/vitest"
import type * as Json from "@runlease/http/Json"
import { cellsOf } from "../web/src/pages/overview/StatesStrip.js"
import { cost, finished, pickUp, queue } from "../web/src/pages/overview/charts.js"
import { failedShare, failsOften, failuresOf, rateOf, totalsOf } from "../web/src/pages/overview/totals.js"
import { chartTop, spreadLabels } from "../web/src/ui/chartScale.js"

const nothing = { count: 0, p50_ms: null, p99_ms: null }
const activity = {
  submitted: 0,
  claimed: 0,
  ended: { completed: 0, failed: 0, cancelled: 0 },
  failures: [],
  pick_up: nothing,
  run_time: nothing,
  tokens: 0,
  cost: 0,
}
const period = (minute: number, given: Partial<Json.Period> = {}): Json.Period => ({
  ...activity,
  start: new Date(Date.UTC(2026, 10, 27, 2, minute)).toISOString(),
  pending: 0,
  running: 0,
  ...given,
})
const agent = (completed: number, failed: number, cancelled = 0) => ({
  ...activity,
  agent_id: "coder",
  ended: { completed, failed, cancelled },
})

const statistics: Json.ProjectStatistics = {
  counts: [
    { agent_id: "a", runs: { pending: 3, running: 2, waiting: 1, completed: 9, failed: 0, cancelled: 0 } },
    { agent_id: "b", runs: { pending: 4, running: 0, waiting: 0, completed: 9, failed: 0, cancelled: 0 } },
  ],
  periods: [
    period(1, {
      ended: { completed: 8, failed: 2, cancelled: 0 },
      pending: 5,
      running: 7,
      cost: 120_000,
      tokens: 900,
    }),
    period(2, {
      pick_up: { count: 4, p50_ms: 7, p99_ms: 44 },
      ended: { completed: 20, failed: 0, cancelled: 2 },
    }),
    period(3, { ended: { completed: 1, failed: 0, cancelled: 0 } }),
  ],
  agents: [],
}

describe("the charts of the overview", () => {
  it("give an average of the minutes that are over", () => {
    assert.strictEqual(rateOf(statistics), 16)
    const chart = finished(statistics, "hour")
    assert.strictEqual(chart.figure, "16")
    assert.strictEqual(chart.top, 20)
    assert.deepStrictEqual(chart.at(0), { figure: "10", note: "8 completed, 2 failed" })
  })
  it("give the pick-up of the latest minute that had any", () => {
    const chart = pickUp(statistics, "hour")
    assert.deepStrictEqual([chart.figure, chart.note], ["7 ms", "p50 · p99 44 ms"])
    assert.deepStrictEqual(chart.at(2), { figure: "–", note: "no claims" })
    assert.strictEqual(pickUp({ ...statistics, periods: [] }, "day").note, "no claims in the last 24 hours")
  })
  it("give the queue as it is now, and the cost of all periods", () => {
    const chart = queue(statistics)
    assert.deepStrictEqual([chart.figure, chart.note, chart.top], ["7", "pending, 2 run", 8])
    assert.deepStrictEqual(
      [cost(statistics, "hour").figure, cost(statistics, "hour").note],
      ["$0.12", "900 tokens"],
    )
  })
})

describe("totals", () => {
  it("count ended runs by status", () => {
    assert.deepInclude(totalsOf(statistics), { completed: 29, failed: 2, cancelled: 2, ended: 33 })
  })
  it("add failures up by code, the most frequent first", () => {
    const parts = [
      { failures: [{ code: "wait_expired", count: 2 }] },
      {
        failures: [
          { code: null, count: 1 },
          { code: "defect", count: 4 },
        ],
      },
      { failures: [{ code: "wait_expired", count: 3 }] },
    ]
    assert.deepStrictEqual(failuresOf(parts), [
      { code: "wait_expired", count: 5 },
      { code: "defect", count: 4 },
      { code: null, count: 1 },
    ])
  })
  it("find an agent that fails often among at least 20 ended runs", () => {
    assert.isTrue(failsOften(agent(18, 2)))
    assert.isFalse(failsOften(agent(19, 1)), "5 % are tolerated")
    assert.isFalse(failsOften(agent(1, 18)), "19 runs say nothing")
    assert.isTrue(failsOften(agent(0, 2, 18)))
    assert.strictEqual(failedShare(agent(0, 0)), 0)
  })
})

describe("the axis of a chart", () => {
  it("ends at a round number whose half is round", () => {
    assert.strictEqual(chartTop([81, 12], true), 90)
    assert.strictEqual(chartTop([1], true), 2)
    assert.strictEqual(chartTop([3], true), 4)
    assert.strictEqual(chartTop([0.24], false), 0.24)
    assert.strictEqual(chartTop([null, 44], false), 50)
    assert.strictEqual(chartTop([], false), 1)
  })
  it("keeps its names apart and inside", () => {
    assert.deepStrictEqual(spreadLabels([0.5, 0.1], 0.2), [0.5, 0.1])
    assert.deepStrictEqual(spreadLabels([0.5, 0.5], 0.25), [0.5, 0.75])
    assert.deepStrictEqual(spreadLabels([1, 1], 0.25), [0.75, 1])
  })
})

describe("the states", () => {
  it("have the age of the oldest pending run only where one is pending", () => {
    const now = Date.UTC(2026, 10, 27, 3)
    // What needs somebody is told apart from the counts, so it may still name a run that was claimed since.
    const attention = {
      waits: [],
      oldest_pending: { available_at: new Date(now - 60_000).toISOString() },
    } as unknown as Json.Attention
    const noteOf = (counts: Json.ProjectStatistics["counts"]) =>
      cellsOf({
        statistics: { ...statistics, counts },
        attention,
        workers: [],
        now,
        span: "hour",
      }).find(([status]) => status === "pending")
    assert.deepStrictEqual(noteOf(statistics.counts), ["pending", 7, "oldest 1 m 00 s"])
    assert.deepStrictEqual(noteOf([]), ["pending", 0, ""])
  })
})
