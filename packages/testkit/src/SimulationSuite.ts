/** The simulation as a test. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Console, Duration, Effect, Option } from "effect"
import * as DeliberateFaults from "./DeliberateFaults.js"
import * as HistoryChecker from "./HistoryChecker.js"
import * as Replay from "./properties/Replay.js"
import * as Simulation from "./Simulation.js"

/**
 * Declares the test that the seeds break no invariant. With `RUNLEASE_REPLAY` that seed is played alone.
 *
 * ```ts
 * SimulationSuite.suite("memory", { store: MemoryControlPlane.layer, turnsOfLoop: false }, { seeds: 200 })
 * ```
 */
export const suite = <E>(name: string, subject: Simulation.Subject<E>, options: Simulation.Options): void => {
  describe(`Simulation (${name})`, () => {
    it.live(
      "seeds break no invariant",
      () =>
        Effect.gen(function* () {
          const replayed = Option.map(yield* Replay.seed, (from) => ({ ...options, from, seeds: 1 }))
          const report = yield* Simulation.search(
            subject,
            Option.getOrElse(replayed, () => options),
          )
          const text = Simulation.show(name, report, (seed) => Replay.command(`Simulation (${name})`, seed))
          if (report._tag === "Broken") return yield* Effect.die(new Error(text))
          yield* Console.log(text)
        }),
      { timeout: Duration.toMillis("5 minutes") },
    )
  })
}

export type FaultName = keyof typeof DeliberateFaults.all

/** A seed that shows a fault soon, and an invariant that the fault breaks. */
export interface Shown {
  readonly seed: number
  readonly breaks: HistoryChecker.Name
}

/** How many seeds a search takes at most, where a change of the code has made another seed show the fault. */
const maxSeeds = 500

/** The plan of the first seed that shows a fault, from the given one on. Dies when 500 seeds do not show it. */
export const planFor = Effect.fn(function* <E>(
  subject: Simulation.Subject<E>,
  name: FaultName,
  { breaks, seed }: Shown,
) {
  for (let next = seed; next < seed + maxSeeds; next += 1) {
    const plan = Simulation.planOf(next)
    const history = yield* Simulation.play({ ...subject, fault: DeliberateFaults.all[name] }, plan)
    if (HistoryChecker.violations(history).some(({ invariant }) => invariant === breaks)) return plan
  }
  return yield* Effect.die(new Error(`No seed shows ${name}`))
})

/** Declares for each of these faults the test that a plan shows it, and breaks nothing without it. */
export const faults = <E>(
  name: string,
  subject: Simulation.Subject<E>,
  shown: Readonly<Partial<Record<FaultName, Shown>>>,
): void => {
  describe(`Simulation of faults (${name})`, () => {
    for (const [fault, how] of Object.entries(shown) as ReadonlyArray<[FaultName, Shown]>) {
      it.live(`finds that ${DeliberateFaults.all[fault].sentence}`, () =>
        Effect.gen(function* () {
          const plan = yield* planFor(subject, fault, how)
          deepStrictEqual(HistoryChecker.violations(yield* Simulation.play(subject, plan)), [])
        }),
      )
    }
  })
}
