import { expect, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { inject } from "vitest"
import * as Searches from "../../testkit/test/Searches.js"
import * as Ticks from "./ticks/Ticks.js"

it.live.runIf(Searches.plays("ticks"))(
  "each tick of a schedule begins one run while its servers are killed",
  () =>
    Effect.gen(function* () {
      // Each of the six ticks still comes by a kill of a server.
      const schedules = Searches.some(200)
      const report = yield* Ticks.play({
        runlease: inject("runlease"),
        schedules,
        every: 5,
        ticks: 6,
        killEvery: 5_000,
        seed: Searches.seedOf("ticks"),
        tell: () => {},
      })
      yield* Console.log(Ticks.show(report))
      expect(Ticks.problems(report)).toEqual([])
      expect(report).toMatchObject({ runs: schedules * 6, lost: 0, twice: 0, complete: schedules })
      expect(report.kills).toBeGreaterThan(0)
    }),
)
