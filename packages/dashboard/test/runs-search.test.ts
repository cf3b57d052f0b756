import { describe, expect, it } from "vitest"
import {
  addLabel,
  filterOf,
  isRootsOnly,
  matches,
  noFilter,
  queryOf,
  searchOf,
} from "../web/src/pages/runs/filter.js"
import { instantOf, rangeWords } from "../web/src/pages/runs/range.js"
import { isComplete, parseSearch, withoutUnfinished, writeSearch } from "../web/src/pages/runs/searchText.js"
import { noRunsSearch } from "../web/src/shell/links.js"
import { run } from "./runs.fixture.js"

describe("the search of runs", () => {
  it("takes words for filters, and the rest for text", () => {
    expect(parseSearch("agent:coder  attempt:>1 flaky   test state:failed code:rate_limited")).toEqual({
      text: "flaky test",
      agent: "coder",
      attempt: 2,
      state: "failed",
      code: "rate_limited",
    })
  })

  it("reads what an attempt is at least", () => {
    expect(parseSearch("attempt:2").attempt).toBe(2)
    expect(parseSearch("attempt:>=2").attempt).toBe(2)
    expect(parseSearch("attempt:>2").attempt).toBe(3)
  })

  it("leaves as text what means nothing", () => {
    expect(parseSearch("attempt:many state:odd http://x agent:")).toEqual({
      text: "attempt:many state:odd http://x agent:",
    })
    expect(parseSearch('agent:"my agent" x')).toEqual({ text: "x", agent: "my agent" })
    expect(parseSearch("label:customer:42 label:none")).toEqual({
      text: "label:none",
      labels: ["customer:42"],
    })
    expect(parseSearch("subagent:coder")).toEqual({ text: "subagent:coder" })
  })

  it("waits for a word to be complete", () => {
    expect(isComplete("agent:cod")).toBe(false)
    expect(isComplete("agent:coder ")).toBe(true)
    expect(isComplete("flaky ")).toBe(false)
    expect(withoutUnfinished("flaky agent:cod")).toBe("flaky ")
  })

  it("writes what it reads", () => {
    const written = writeSearch({
      attempt: 3,
      labels: ["customer:the first", "env:prod"],
      text: "flaky test",
    })
    expect(parseSearch(written ?? "")).toEqual({
      attempt: 3,
      labels: ["customer:the first", "env:prod"],
      text: "flaky test",
    })
    expect(writeSearch({ attempt: undefined, labels: [], text: "" })).toBeUndefined()
  })
})

describe("the filter of runs", () => {
  const now = Date.parse("2026-11-24T12:00:00Z")

  it("is in the address, and is the same when it is read from there", () => {
    const filter = {
      ...noFilter,
      status: "failed" as const,
      agent: "coder",
      code: "rate_limited",
      text: "flaky",
      attempt: 2,
      labels: ["customer:the first", "env:prod"],
      from: "24h",
      children: true,
    }
    expect(filterOf(searchOf(filter))).toEqual(filter)
    expect(filterOf(searchOf(noFilter))).toEqual(noFilter)
  })

  it("requests runs without a parent, unless children are what is looked for", () => {
    expect(queryOf(noFilter, now)["roots"]).toBe(true)
    expect(isRootsOnly({ ...noFilter, children: true })).toBe(false)
    expect(isRootsOnly({ ...noFilter, parent: "x" })).toBe(false)
    expect(isRootsOnly({ ...noFilter, text: "dd4061f2" })).toBe(false)
    expect(isRootsOnly({ ...noFilter, text: "flaky" })).toBe(true)
  })

  it("adds a label to the address, in the place of one of its name", () => {
    const both = addLabel(addLabel(noRunsSearch, "customer:42"), "env:prod")
    expect(filterOf(both).labels).toEqual(["customer:42", "env:prod"])
    expect(filterOf(addLabel(both, "customer:7")).labels).toEqual(["env:prod", "customer:7"])
  })

  it("says of a run whether it is listed, where that is certain", () => {
    const one = run({ title: "Fix the Flaky test", created_at: "2026-11-24T11:30:00.000Z" })
    expect(matches({ ...noFilter, text: "flaky", from: "1h" }, one, now)).toBe(true)
    expect(matches({ ...noFilter, from: "20m" }, one, now)).toBe(false)
    expect(matches({ ...noFilter, status: "failed" }, one, now)).toBe(false)
    expect(matches({ ...noFilter, text: one.run_id.slice(-8) }, one, now)).toBe(true)
    expect(matches({ ...noFilter, text: one.run_id.slice(0, 8) }, one, now)).toBe(true)
    expect(matches({ ...noFilter, text: one.run_id.slice(1, 8) }, one, now)).toBe(false)
    const failed = run({ status: "failed", error: { code: "rate_limited", message: "Too many requests" } })
    expect(queryOf({ ...noFilter, code: "rate_limited" }, now)["error_code"]).toBe("rate_limited")
    expect(matches({ ...noFilter, code: "rate_limited" }, failed, now)).toBe(true)
    expect(matches({ ...noFilter, code: "rate" }, failed, now)).toBe(false)
    expect(matches({ ...noFilter, code: "rate_limited" }, one, now)).toBe(false)
    const labelled = run({ labels: { customer: "a:b", env: "prod" } })
    const having = (...labels: ReadonlyArray<string>) => ({ ...noFilter, labels })
    expect(queryOf(having("customer:a:b", "env:prod"), now)["label"]).toEqual(["customer:a:b", "env:prod"])
    expect(matches(having("customer:a:b"), labelled, now)).toBe(true)
    expect(matches(having("env:prod", "customer:a:b"), labelled, now)).toBe(true)
    expect(matches(having("env:prod", "customer:a"), labelled, now)).toBe(false)
    expect(matches(having("customer:a:b"), one, now)).toBe(false)
    const child = run({ parent_run_id: one.run_id })
    expect(matches(noFilter, child, now)).toBeUndefined()
    expect(matches({ ...noFilter, children: true }, child, now)).toBe(true)
    expect(matches({ ...noFilter, agent: "another" }, child, now)).toBe(false)
  })

  it("says when runs were submitted", () => {
    expect(instantOf("2h", now)).toBe(now - 7_200_000)
    expect(instantOf("soon", now)).toBeUndefined()
    expect(rangeWords({ from: "14d" }, now)).toBe("last 14 days")
    expect(rangeWords({ from: "1h" }, now)).toBe("last hour")
    expect(rangeWords({}, now)).toBeUndefined()
    expect(rangeWords({ from: "2026-11-20T14:00:00Z", to: "2026-11-20T18:00:00Z" }, now)).toMatch(
      /^\d+ Nov \d\d:00 to .*\d\d:00$/,
    )
  })
})
