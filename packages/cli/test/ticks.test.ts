import { expect, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { inject } from "vitest"
import * as Ticks from "./ticks/Ticks.js"

it.live("each tick of a schedule begins one run while its servers are killed", () =>
  Effect.gen(function* () {
    const report = yield* Ticks.play({
      runlease: inject("runlease"),
      schedules: 200,
      every: 5,
      ticks: 6,
      killEvery: 5_000,
      seed: 1,
      tell: () => {},
    })
    yield* Console.log(Ticks.show(report))
    expect(Ticks.problems(report)).toEqual([])
    expect(report).toMatchObject({ runs: 1200, lost: 0, twice: 0, complete: 200 })
    expect(report.kills).toBeGreaterThan(0)
  }),
)
