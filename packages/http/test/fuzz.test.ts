import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as Campaign from "./fuzz/Campaign.js"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"
import { sqlite } from "./sqlite.js"
import * as Searches from "../../testkit/test/Searches.js"

describe("hostile requests from the description of the API", () => {
  it.live("get no fault, and leave a server that works", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const requests = Searches.some(800)
      const result = yield* Campaign.run({
        url,
        key,
        seed: Searches.seedOf("hostile requests"),
        requests,
        concurrency: 8,
      })
      deepStrictEqual(result.problems, [])
      strictEqual(result.sent, requests)
      // Most are refused, and some are right.
      for (const status of ["200", "400", "403", "404"]) assertTrue((result.byStatus[status] ?? 0) > 0)
      strictEqual((yield* call("GET", "/readyz")).status, 200)
      const submission = { kind: "agent", public_id: "after", request: { agent_id: "agent" } }
      strictEqual((yield* call("POST", "/runs", { body: submission })).status, 202)
    }).pipe(Effect.provide(serve(sqlite))),
  )
})
