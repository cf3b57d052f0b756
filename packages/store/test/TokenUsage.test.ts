import { describe, expect, it } from "@effect/vitest"
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as LogState from "@runlease/core/LogState"
import * as TokenUsage from "@runlease/core/TokenUsage"
import * as TreeBudget from "@runlease/core/TreeBudget"
import { Option } from "effect"
import * as Counters from "../src/rules/Counters.js"

const report = (value: unknown) => AgentEvent.custom(TokenUsage.eventName, value)

const afterReports = (...values: ReadonlyArray<unknown>) =>
  LogState.afterAll(LogState.initial, [AgentEvent.runStarted("t", "r"), ...values.map(report)]).usage

describe("the usage of a part of a run", () => {
  it("has an entry for each provider and model, whose total is the sum of input and output", () => {
    expect(
      afterReports(
        { provider: "p", model: "a", inputTokens: 10, outputTokens: 2, reasoningTokens: 1, totalTokens: 99 },
        { provider: "p", model: "b", inputTokens: 5 },
        { provider: "q", model: "a", inputTokens: 7, outputTokens: 0 },
        {
          provider: "p",
          model: "a",
          inputTokens: 20,
          outputTokens: 3,
          cachedInputTokens: 4,
          finishReason: "stop",
        },
      ),
    ).toStrictEqual([
      {
        provider: "p",
        model: "a",
        inputTokens: 30,
        outputTokens: 5,
        reasoningTokens: 1,
        cachedInputTokens: 4,
        totalTokens: 35,
      },
      { provider: "p", model: "b", inputTokens: 5 },
      { provider: "q", model: "a", inputTokens: 7, outputTokens: 0, totalTokens: 7 },
    ])
  })

  it("ignores invalid reports, and has at most 50 entries", () => {
    expect(afterReports(null, "much", { inputTokens: -1 }, { inputTokens: 1.5 }, { model: 1 })).toBe(
      undefined,
    )
    const many = Array.from({ length: 60 }, (_, index) => ({ model: `m${index}`, inputTokens: 1 }))
    expect(afterReports(...many)?.length).toBe(50)
    expect(Option.isNone(TokenUsage.fromEvent(AgentEvent.custom("other", { inputTokens: 1 })))).toBe(true)
  })

  it("stays a number that JSON has exactly, whatever is reported", () => {
    const most = Number.MAX_SAFE_INTEGER
    const all = Array.from({ length: 3 }, () => ({ inputTokens: most, outputTokens: most, cost: most }))
    const events = all.map(report)
    expect(afterReports(...all)).toStrictEqual([{ inputTokens: most, outputTokens: most, totalTokens: most }])
    expect(LogState.reportedOf(LogState.afterAll(LogState.initial, events))).toStrictEqual({
      tokens: most,
      cost: most,
    })
    const budget = TreeBudget.spend(TreeBudget.begin({}), TreeBudget.ofEvents(events)!)
    expect(TreeBudget.spend(budget, { tokens: most }).spent).toMatchObject({ tokens: most, cost: most })
    expect(Counters.sum([{ tokens: most }, { tokens: most }])).toStrictEqual({ tokens: most })
  })

  it("starts again with each part", () => {
    const events = [
      report({ inputTokens: 1 }),
      AgentEvent.runFinished("t", "r"),
      AgentEvent.runStarted("t", "r"),
    ]
    expect(LogState.afterAll(LogState.initial, events).usage).toBe(undefined)
  })
})
