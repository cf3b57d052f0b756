import type * as Json from "@runlease/http/Json"
import { describe, expect, it } from "vitest"
import { bodyOf, commandOf, filledOf, nothingFilled, problemsOf } from "../web/src/pages/limits/limitForm.js"
import {
  inOrder,
  pendingWords,
  placesWords,
  rateWords,
  stateOf,
  usedWords,
} from "../web/src/pages/limits/limits.js"

const limit = (key: string, given: Partial<Json.Limit> = {}): Json.Limit => ({
  kind: "concurrency_key",
  name: null,
  key,
  max_running: 2,
  rate: null,
  max_pending: null,
  paused: false,
  running: 0,
  open: 0,
  waiting: 0,
  pending: 0,
  next_start_at: null,
  ...given,
})

describe("the form of a limit", () => {
  const named = { ...nothingFilled, of: "gpu" }

  it("makes a request of the bounds that are filled in, and the line that does the same", () => {
    const filled = { ...named, running: "5", starts: "10", burst: "2", pending: "1,000,000", agents: "a, b" }
    expect(problemsOf(filled)).toEqual({})
    expect(bodyOf(filled)).toEqual({
      max_running: 5,
      rate: { count: 10, period_seconds: 60, burst: 2 },
      max_pending: 1_000_000,
      agent_ids: ["a", "b"],
    })
    expect(commandOf(filled)).toBe(
      "runlease limits set gpu --max-running 5 --rate 10/1m --burst 2 --max-pending 1000000 --agent a --agent b",
    )
    const agent = { ...nothingFilled, kind: "agent", of: "writer", running: "" } as const
    expect([bodyOf(agent), commandOf(agent)]).toEqual([{ max_running: null }, null])
    expect(commandOf({ ...agent, kind: "project", running: "3" })).toBe(
      "runlease limits set --all --max-running 3",
    )
  })

  it("says what does not fit, and what would", () => {
    expect(problemsOf({ ...named, pending: "1000001" })).toEqual({
      pending: "A whole number from 0 to 1,000,000",
    })
    expect(problemsOf(named).running).toBe("Fill in one at least: running at once, starts, or pending")
    const wrong = {
      ...named,
      of: "GPU",
      running: "1.5",
      starts: "0",
      period: "soon",
      agents: "",
      keyFrom: "x",
    }
    expect(Object.keys(problemsOf(wrong))).toEqual(["of", "running", "starts", "period", "keyFrom"])
    expect(problemsOf({ ...named, running: "1", burst: "2" })).toEqual({
      burst: "It is for a rate: fill in how many start",
    })
    expect(problemsOf({ ...nothingFilled, kind: "agent", running: "0" })).toEqual({
      of: "Name an agent",
      running: "A whole number from 1 to 100,000",
    })
  })

  it("begins with what the limit is", () => {
    const bounds = { max_running: null, rate: { count: 1, period_seconds: 90, burst: 1 }, max_pending: 0 }
    const filled = filledOf({ name: "gpu", ...bounds, agent_ids: ["a" as never], key_from: "input.of" })
    expect(problemsOf(filled)).toEqual({})
    expect(bodyOf(filled)).toEqual({
      ...bounds,
      rate: { count: 1, period_seconds: 90 },
      agent_ids: ["a"],
      key_from: "input.of",
    })
  })
})

describe("a limit", () => {
  it("is full while runs wait for a place, also where its places are open and not in use", () => {
    expect(stateOf(limit("k", { running: 2 }))).toBe("free")
    expect(stateOf(limit("k", { running: 1, open: 1, waiting: 1 }))).toBe("full")
    expect(stateOf(limit("k", { paused: true, waiting: 3 }))).toBe("paused")
  })

  it("of the project is full where as many work as may, since it has no places", () => {
    const project = limit("id", { kind: "project", running: 1 })
    expect([stateOf(project), stateOf({ ...project, running: 2 })]).toEqual(["free", "full"])
    expect(stateOf({ ...project, max_running: null, running: 2 })).toBe("free")
    expect([placesWords(project, 0), placesWords(limit("k"), 0)]).toEqual(["", "0"])
  })

  it("says how many of its places are in use, where a submission has set how many there are", () => {
    expect(usedWords(limit("k", { running: 3 }))).toBe("3 of 2")
    expect(usedWords(limit("k", { max_running: null }))).toBe("0")
  })
})

describe("a limit with a rate", () => {
  it("says how many start in a time, and how many more may be pending", () => {
    const rated = limit("k", {
      rate: { count: 10, period_seconds: 60, burst: 5 },
      max_pending: 1000,
      pending: 3,
    })
    expect(rateWords(rated)).toBe("10 in 1 m, 5 at once")
    expect(rateWords(limit("k", { rate: { count: 1, period_seconds: 90, burst: 1 } }))).toBe("1 in 90 s")
    expect(pendingWords(rated)).toBe("3 of 1,000")
    expect([rateWords(limit("k")), pendingWords(limit("k"))]).toEqual([undefined, undefined])
  })
})

describe("the list of limits", () => {
  it("has that of the project first, then paused ones, then full ones, then the others, by their keys", () => {
    const limits = [
      limit("id", { kind: "project" }),
      limit("customer-10"),
      limit("customer-9"),
      limit("z", { waiting: 1 }),
      limit("import", { paused: true }),
    ]
    expect(inOrder(limits).map((one) => one.key)).toEqual(["id", "import", "z", "customer-9", "customer-10"])
  })
})
