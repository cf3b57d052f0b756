import { describe, expect, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { inject } from "vitest"
import * as Chaos from "./chaos/Chaos.js"
import * as Report from "./chaos/Report.js"
import * as Searches from "../../testkit/test/Searches.js"

// A file without a test fails, so one that is not played is skipped.
describe.runIf(Searches.plays("chaos"))("chaos", () => {
  it.live.each(Searches.oneOf(["sqlite", "postgres"] as const))(
    "a control plane on %s comes through chaos",
    (store) =>
      Effect.gen(function* () {
        const schedule: Array<string> = []
        const report = yield* Chaos.play({
          runlease: inject("runlease"),
          store,
          seed: Searches.seedOf("chaos"),
          // Each fault about once: one begins before another one ends.
          millis: 10_000,
          gap: { least: 200, most: 1_500 },
          tell: (line) => schedule.push(line),
        })
        if (report.broken.length > 0) yield* Console.log(schedule.join("\n"))
        yield* Console.log(`chaos on ${store}\n${Report.show(report)}`)
        expect(report.broken).toEqual([])
        expect(report.submitted).toBeGreaterThan(0)
        expect(report.effects).toBeGreaterThan(0)
        expect(report.faults.size).toBeGreaterThan(0)
      }),
  )
})
