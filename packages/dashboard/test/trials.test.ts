import { describe, expect, it } from "vitest"
import {
  budgetWords,
  editsWords,
  isSpent,
  meanScore,
  scoreOf,
  sumOf,
  tookMillis,
} from "../web/src/pages/trials/trialState.js"
import { run } from "./runs.fixture.js"

const scored = (score: string) => run({ labels: { trial: "short", trial_of: "a", trial_score: score } })

describe("a trial", () => {
  it("says what its runs have instead, and its budget", () => {
    const edits = [
      { type: "message", text: "Shorter" },
      { type: "step", step: "search", result: [] },
      { type: "agent", agent_id: "writer" },
    ]
    expect([editsWords({ edits }), editsWords({})]).toEqual([
      "the message, step search, agent writer",
      "nothing",
    ])
    expect(budgetWords({ budget: { tokens: 2_000_000, steps: 5 } })).toBe("2,000,000 tokens, 5 steps")
  })
})

describe("the runs of a trial", () => {
  it("have a median and a total of the numbers that they have", () => {
    const tokens = [7, 1, 3, 5].map((count) => run({ tokens: count }))
    expect(sumOf(tokens, (one) => one.tokens)).toEqual({ median: 4, total: 16 })
    expect(sumOf(tokens.slice(1), (one) => one.tokens)).toEqual({ median: 3, total: 9 })
    const times = { started_at: "2026-11-24T10:00:00.000Z", finished_at: "2026-11-24T10:00:02.000Z" }
    expect(sumOf([run(times), run()], tookMillis)).toEqual({ median: 2000, total: 2000 })
    expect(sumOf([run()], tookMillis)).toBeUndefined()
  })

  it("have a mean score where each score is a number", () => {
    expect(meanScore([scored("1"), scored("0.5"), run()])).toBe(0.75)
    expect(meanScore([scored("1"), scored("good")])).toBeUndefined()
    expect(meanScore([run()])).toBeUndefined()
    expect(scoreOf(scored("good"))).toBe("good")
  })

  it("have spent their budget where they wait for a higher one", () => {
    const waiting = {
      interrupts: [],
      answers: [],
      expires_at: null,
      wakes_at: null,
      children: null,
      taken_messages: null,
      budget: false,
    }
    const question = { id: "budget-12", reason: "budget" }
    expect(
      [
        run(),
        run({ status: "waiting", waiting }),
        run({ status: "waiting", waiting: { ...waiting, budget: true } }),
        run({ status: "waiting", waiting: { ...waiting, interrupts: [question] } }),
      ].map(isSpent),
    ).toEqual([false, false, true, true])
  })
})
