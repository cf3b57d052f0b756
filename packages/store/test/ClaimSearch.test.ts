import { describe, expect, it } from "@effect/vitest"
import { Array } from "effect"
import * as ClaimSearch from "../src/commit/ClaimSearch.js"
import type { StoredRun } from "../src/rows/RunRows.js"

const runs = Array.makeBy(
  6,
  (key) =>
    ({
      key,
      state: { limits: null, spec: { priority: 0, lane: null, conversationId: `c${key}` } },
    }) as StoredRun,
)

const assigned = (...claims: ReadonlyArray<Pick<ClaimSearch.Request, "limit" | "ahead">>) => {
  const requests = claims as ReadonlyArray<ClaimSearch.Request>
  const found = ClaimSearch.assign(requests, () => [runs])
  return requests.map((request) => found.flatMap(({ request: by, run }) => (by === request ? [run.key] : [])))
}

describe("the assignment of runs to claims", () => {
  it("goes by turns", () => {
    expect(assigned({ limit: 2, ahead: 0 }, { limit: 2, ahead: 0 })).toEqual([
      [0, 2],
      [1, 3],
    ])
  })

  it("gives no run ahead while another claim has a slot for it", () => {
    expect(assigned({ limit: 6, ahead: 5 }, { limit: 4, ahead: 0 })).toEqual([
      [0, 5],
      [1, 2, 3, 4],
    ])
  })
})
