import { type BaseEvent, verifyEvents } from "@ag-ui/client"
import { describe, expect, it } from "@effect/vitest"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Either } from "effect"
import { from, lastValueFrom, toArray } from "rxjs"
import type * as HistoryChecker from "../src/HistoryChecker.js"
import * as Log from "../src/simulation/invariants/Log.js"
import * as Simulation from "../src/Simulation.js"

type Event = HistoryChecker.Event

/** Whether the client of AG-UI takes these events. */
const isTaken = (events: ReadonlyArray<Event>): Effect.Effect<boolean> =>
  Effect.map(
    Effect.either(
      Effect.tryPromise(() =>
        lastValueFrom(
          from(events as unknown as ReadonlyArray<BaseEvent>).pipe(verifyEvents(false), toArray()),
        ),
      ),
    ),
    Either.isRight,
  )

/** The events without those of the control plane that a view hides. */
const shown = (log: ReadonlyArray<HistoryChecker.Entry>): ReadonlyArray<Event> =>
  log.flatMap(({ event }) =>
    event.type === "CUSTOM" && String(event["name"]).startsWith("runlease.") ? [] : [event],
  )

const memory = { store: MemoryControlPlane.layer, turnsOfLoop: false }

describe("the order of AG-UI", () => {
  it.live("is judged as the client of AG-UI does, in logs and in logs without one of their events", () =>
    Effect.gen(function* () {
      let taken = 0
      let refused = 0
      for (let seed = 1; seed <= 15; seed += 1) {
        const { final } = yield* Simulation.play(memory, Simulation.planOf(seed))
        for (const { log } of final) {
          const events = shown(log)
          const variants = [events, ...events.map((_, index) => events.toSpliced(index, 1))]
          for (const variant of variants.filter(({ length }) => length > 0)) {
            const isValid = Log.problems(variant).length === 0
            expect([yield* isTaken(variant), variant]).toEqual([isValid, variant])
            if (isValid) taken += 1
            else refused += 1
          }
        }
      }
      expect(taken).toBeGreaterThan(20)
      expect(refused).toBeGreaterThan(20)
    }),
  )
})
