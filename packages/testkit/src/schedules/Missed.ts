/**
 * Ticks of a time in which no server was there.
 */
import { effect } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import type { NewSchedule } from "@runlease/core/Schedules"
import { Effect, type Layer } from "effect"
import * as JumpClock from "../JumpClock.js"
import * as TestRuns from "../TestRuns.js"
import * as TestSchedules from "./TestSchedules.js"

const minute = 60_000

export const declare = (layer: Layer.Layer<StorePorts, unknown>): void => {
  /** The schedule and its ticks, after this many minutes without a server and until it is up to date. */
  const after = (minutes: number, fields: Partial<NewSchedule>) =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      return yield* Effect.gen(function* () {
        const { id } = yield* TestSchedules.create(fields)
        yield* TestRuns.settle
        yield* clock.jump(minutes * minute + 1000)
        const upToDate = (): Effect.Effect<void, unknown, StorePorts> =>
          Effect.gen(function* () {
            yield* TestRuns.settle
            const { nextNominal } = yield* TestSchedules.get(id)
            if (nextNominal !== null && nextNominal.epochMillis > minutes * minute) return
            yield* clock.jump(10)
            yield* upToDate()
          })
        yield* upToDate()
        const { skipped } = yield* TestSchedules.get(id)
        return { ticks: yield* TestSchedules.ticksOf(id), missed: skipped.missed }
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    })

  effect("missed ticks are skipped and counted, and a tick that is late by less than a minute runs", () =>
    Effect.gen(function* () {
      const { missed, ticks } = yield* after(10, {})
      deepStrictEqual(ticks, [TestSchedules.minute(10)])
      strictEqual(missed, 9)
    }),
  )

  effect("once runs the last of the missed ticks", () =>
    Effect.gen(function* () {
      const { missed, ticks } = yield* after(310, { schedule: "every 1h", missed: "once" })
      deepStrictEqual(ticks, [TestSchedules.minute(300)])
      strictEqual(missed, 4)
    }),
  )

  effect("all runs every missed tick, the newest 1,000 at most", () =>
    Effect.gen(function* () {
      const { missed, ticks } = yield* after(1300, { schedule: "every 1m", missed: "all" })
      strictEqual(new Set(ticks).size, ticks.length)
      // The last tick is late and not missed.
      deepStrictEqual({ missed, ran: ticks.length }, { missed: 299, ran: 1001 })
    }),
  )
}
