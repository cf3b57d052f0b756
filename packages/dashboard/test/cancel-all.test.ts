import type * as Json from "@runlease/http/Json"
import { describe, expect, it } from "vitest"
import { bulkFilterOf, isOffered, resultWords } from "../web/src/pages/runs/cancelAll/bulkFilter.js"
import { noFilter } from "../web/src/pages/runs/filter.js"

const now = Date.parse("2026-11-24T12:00:00Z")

describe("the cancellation of all runs that match", () => {
  it("is for the runs of the list, with its times as of now", () => {
    const filter = {
      ...noFilter,
      agent: "coder",
      code: "rate_limited",
      text: "flaky",
      from: "1h",
      labels: ["customer:a:b", "env:prod"],
    }
    expect(JSON.parse(JSON.stringify(bulkFilterOf(filter, now)))).toEqual({
      agent_id: "coder",
      error_code: "rate_limited",
      text: "flaky",
      from: "2026-11-24T11:00:00.000Z",
      labels: { customer: "a:b", env: "prod" },
      roots: true,
    })
  })

  it("is offered for a filter, and not for all runs nor for those that have ended", () => {
    expect(isOffered(noFilter)).toBe(false)
    expect(isOffered({ ...noFilter, agent: "coder" })).toBe(true)
    expect(isOffered({ ...noFilter, labels: ["env:prod"] })).toBe(true)
    expect(isOffered({ ...noFilter, status: "pending" })).toBe(true)
    expect(isOffered({ ...noFilter, status: "failed", agent: "coder" })).toBe(false)
  })

  it("says what became of the runs", () => {
    const operation = { done: 2906, skipped: 0, failed: 0, failures: [], status: "completed" }
    const words = (given: object) => resultWords({ ...operation, ...given } as unknown as Json.Bulk)
    expect(words({})).toBe("2,906 cancelled")
    const failures = [
      { run_id: "a", code: "x", message: "It is locked" },
      { run_id: "b", code: "x", message: "It is locked" },
    ]
    expect(words({ skipped: 3, failed: 2, failures, status: "aborted" })).toBe(
      "2,906 cancelled, 3 had ended already, 2 refused: It is locked, stopped before its end",
    )
  })
})
