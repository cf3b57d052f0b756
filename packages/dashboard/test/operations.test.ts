import type * as Json from "@runlease/http/Json"
import { describe, expect, it } from "vitest"
import {
  type Action,
  bulkFilterOf,
  countedWords,
  isOffered,
  nameProblem,
  resultWords,
  runsOf,
} from "../web/src/pages/runs/operation/operations.js"
import { noFilter, type RunFilter } from "../web/src/pages/runs/filter.js"

const now = Date.parse("2026-11-24T12:00:00Z")

const given = { done: 2906, skipped: 0, failed: 0, failures: [], status: "completed" }
const bulk = (action: Action, counts: object = {}) =>
  ({ ...given, action, ...counts }) as unknown as Json.Bulk

describe("what is done to all runs that match", () => {
  it("is for the runs of the list, with its times as of now", () => {
    const filter = {
      ...noFilter,
      agent: "coder",
      code: "rate_limited",
      text: "flaky",
      from: "1h",
      labels: ["customer:a:b", "env:prod"],
    }
    const expected = {
      agent_id: "coder",
      error_code: "rate_limited",
      text: "flaky",
      from: "2026-11-24T11:00:00.000Z",
      labels: { customer: "a:b", env: "prod" },
      roots: true,
    }
    expect(JSON.parse(JSON.stringify(bulkFilterOf(filter, now)))).toEqual(expected)
    expect(JSON.parse(JSON.stringify(runsOf({ filter }, now)))).toEqual({ filter: expected })
    expect(runsOf({ runIds: ["a", "b"] }, now)).toEqual({ run_ids: ["a", "b"] })
  })

  it("is offered for a filter, and for runs in a state that allows it", () => {
    const offered = (filter: RunFilter) =>
      (["cancel", "retry", "label"] as const).filter((action) => isOffered(action, filter))
    expect(offered(noFilter)).toEqual([])
    expect(offered({ ...noFilter, agent: "coder" })).toEqual(["cancel", "retry", "label"])
    expect(offered({ ...noFilter, labels: ["env:prod"] })).toEqual(["cancel", "retry", "label"])
    expect(offered({ ...noFilter, status: "pending" })).toEqual(["cancel", "label"])
    expect(offered({ ...noFilter, status: "failed" })).toEqual(["retry", "label"])
  })

  it("is counted in words, and so is what became of the runs", () => {
    const removal = { name: "team", value: null }
    expect(countedWords(bulk("cancel"))).toBe(" and have not ended.")
    expect(countedWords(bulk("cancel", { done: 1, skipped: 12 }))).toBe(
      " and has not ended; 12 more ended already.",
    )
    expect(countedWords(bulk("retry", { skipped: 1 }))).toBe(" and have ended; 1 more has not ended.")
    expect(countedWords(bulk("label", { skipped: 2 }))).toBe("; 2 more have the label already.")
    expect(countedWords(bulk("label", { skipped: 1 }), removal)).toBe("; 1 more does not have the label.")
    const failures = [
      { run_id: "a", code: "x", message: "It is locked" },
      { run_id: "b", code: "x", message: "It is locked" },
    ]
    expect(countedWords(bulk("label", { failed: 2, failures }))).toBe("; 2 more refuse it: It is locked.")
    expect(resultWords(bulk("cancel"))).toBe("2,906 cancelled")
    expect(resultWords(bulk("retry", { skipped: 2 }))).toBe("2,906 submitted again, 2 have not ended")
    expect(resultWords(bulk("label", { skipped: 2 }), removal)).toBe(
      "2,906 labelled, 2 do not have the label",
    )
    expect(resultWords(bulk("cancel", { skipped: 3, failed: 2, failures, status: "aborted" }))).toBe(
      "2,906 cancelled, 3 ended already, 2 refused: It is locked, stopped before its end",
    )
  })

  it("takes the name of a label that a run can have", () => {
    for (const name of ["a", "team", "a.b_c-1", "0", "x".repeat(64)])
      expect(nameProblem(name)).toBe(undefined)
    for (const name of ["", "Team", "_a", "a b", "x".repeat(65)])
      expect(nameProblem(name)).toMatch(/^1 to 64/)
  })
})
