import { describe, expect, it } from "vitest"
import { addLimit, noLimitsSeen, noteLimits } from "../src/commit/RunBatch.js"
import { noScopedLimits } from "../src/rules/LimitRules.js"

describe("the limits that no submission names", () => {
  it("are those that the last search has found", () => {
    const seen = noLimitsSeen()
    noteLimits(seen, seen.additions, { agents: true, projects: false, named: true })
    expect(seen).toMatchObject({ read: true, agents: true, projects: false, named: true })
    noteLimits(seen, seen.additions, noScopedLimits)
    expect(seen).toMatchObject({ read: true, agents: false, projects: false, named: false })
  })

  it("have one that was noted while a search read that there is none", () => {
    const seen = noLimitsSeen()
    const { additions } = seen
    addLimit(seen, "named")
    noteLimits(seen, additions, noScopedLimits)
    expect(seen).toMatchObject({ read: true, agents: false, projects: false, named: true })
    noteLimits(seen, seen.additions, noScopedLimits)
    expect(seen).toMatchObject({ named: false })
  })
})
