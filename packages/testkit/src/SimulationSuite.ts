/**
 * The simulation as a test.
 *
 * @since 0.1.0
 */
import { describe, it } from "@effect/vitest"
import { Console, Duration, Effect } from "effect"
import * as Simulation from "./Simulation.js"

/**
 * Declares the test that the first seeds break no invariant.
 *
 * ```ts
 * SimulationSuite.suite("memory", { store: MemoryControlPlane.layer, turnsOfLoop: false }, { seeds: 200 })
 * ```
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = <E>(name: string, subject: Simulation.Subject<E>, options: Simulation.Options): void => {
  describe(`Simulation (${name})`, () => {
    it.live(
      `${options.seeds} seeds break no invariant`,
      () =>
        Effect.gen(function* () {
          const report = yield* Simulation.search(subject, options)
          const text = Simulation.show(name, report, (seed) => `{ from: ${seed}, seeds: 1 }`)
          if (report._tag === "Broken") return yield* Effect.die(new Error(text))
          yield* Console.log(text)
        }),
      { timeout: Duration.toMillis("5 minutes") },
    )
  })
}
