/** What the schedules of a store must do: tick once at each time, by the rules of overlap and of missed ticks. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { Access } from "@runlease/core/Access"
import type { ControlPlane, StorePorts } from "@runlease/core/ControlPlane"
import { Effect, type Layer } from "effect"
import * as JumpClock from "./JumpClock.js"
import * as Changes from "./schedules/Changes.js"
import * as Ticks from "./schedules/Ticks.js"
import * as TestSchedules from "./schedules/TestSchedules.js"
import * as TestRuns from "./TestRuns.js"

/**
 * Declares the tests of `Schedules`. Each build of `layer` makes a fresh, empty control plane by Effect's Clock.
 *
 * ```ts
 * SchedulesSuite.suite("memory", MemoryControlPlane.layer)
 * ```
 */
export const suite = (name: string, layer: Layer.Layer<StorePorts, unknown>): void => {
  describe(`Schedules (${name})`, () => {
    const test = TestRuns.tester(layer)
    Ticks.declare(test)
    Changes.declare(test)
    Ticks.declareMissed(layer)
  })
}

/** Declares the tests of a store whose civil clock is the wall clock of its machine, which an operator sets. */
export const suiteCivil = (
  name: string,
  layer: Layer.Layer<StorePorts | ControlPlane | Access, unknown>,
): void => {
  const hour = 3_600_000

  /** The ticks of a schedule of each minute, after the wall clock was set. */
  const ticksAfter = (wall: number, missed: "skip" | "all") =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      yield* clock.setWall(100 * hour)
      return yield* Effect.gen(function* () {
        const schedule = yield* TestSchedules.create({ missed })
        yield* clock.jump(60_000)
        const first = (): Effect.Effect<void, unknown, StorePorts> =>
          Effect.gen(function* () {
            yield* TestRuns.settle
            if ((yield* TestSchedules.get(schedule.id)).runCount > 0) return
            yield* clock.jump(10)
            yield* first()
          })
        yield* first()
        yield* clock.setWall(wall)
        for (let second = 0; second < 10; second++) {
          yield* clock.jump(1000)
          yield* TestRuns.settle
        }
        return { ticks: yield* TestSchedules.ticksOf(schedule.id), at: yield* TestSchedules.get(schedule.id) }
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    })

  describe(`Schedules when the wall clock is set (${name})`, () => {
    it.live("back by an hour, no tick runs again", () =>
      Effect.gen(function* () {
        const { at, ticks } = yield* ticksAfter(99 * hour, "all")
        strictEqual(ticks.length, 1)
        strictEqual(at.skipped.missed, 0)
      }),
    )

    it.live("forward by an hour, the missed ticks are skipped, and counted", () =>
      Effect.gen(function* () {
        const { at, ticks } = yield* ticksAfter(101 * hour + 60_000, "skip")
        // The first, and those of the last minute, which are late and not missed.
        strictEqual(ticks.length + at.skipped.missed, 61)
        strictEqual(ticks.length <= 3, true)
      }),
    )

    it.live("forward by an hour, all missed ticks run where the schedule says so, each once", () =>
      Effect.gen(function* () {
        const { ticks } = yield* ticksAfter(101 * hour + 60_000, "all")
        deepStrictEqual(new Set(ticks).size, 61)
        strictEqual(ticks.length, 61)
      }),
    )
  })
}
