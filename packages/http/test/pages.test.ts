import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, RunLog } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer } from "effect"
import { type Answer, call } from "./raw.js"
import { client, serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

const both = Layer.provideMerge(client, serve(sqlite))

const large = AgentEvent.custom("large", "x".repeat(RunLog.maxEventBytes - 100))

const grow = (run: Parameters<typeof TestRuns.append>[0], batches: number) =>
  Effect.replicateEffect(
    TestRuns.append(
      run,
      Array.from({ length: 20 }, () => large),
    ),
    batches,
  )

const held = Effect.flatMap(TestRuns.register(), TestRuns.hold)

describe("a log of large events", () => {
  it.live("is paged in bytes, and each page but the last names the next", () =>
    Effect.gen(function* () {
      const run = yield* held
      yield* grow(run, 1)
      const pages: Array<number> = []
      let next: string | null = "0"
      while (next !== null) {
        const page: Answer = yield* call("GET", `/runs/${run.runId}/events?limit=1000&after_event_id=${next}`)
        strictEqual(page.status, 200)
        assertTrue(page.text.length <= RunLog.maxReadBytes + 1024, `${page.text.length}`)
        pages.push(page.json.data.length)
        next = page.json.page_info.next
      }
      deepStrictEqual(pages, [5, 4, 4, 4, 4])
      const waited = yield* call("GET", `/runs/${run.runId}/events?limit=1000&wait_seconds=5`)
      assertTrue(waited.text.length <= RunLog.maxReadBytes + 1024, `${waited.text.length}`)
    }).pipe(Effect.provide(both)),
  )
})
