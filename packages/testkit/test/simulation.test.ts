import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Emit, Executor, RequestSnapshot, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Fiber } from "effect"
import * as HistoryChecker from "../src/HistoryChecker.js"
import * as Simulation from "../src/Simulation.js"
import * as SimulationSuite from "../src/SimulationSuite.js"
import * as Searches from "./Searches.js"

const memory = { store: MemoryControlPlane.layer, turnsOfLoop: false }

SimulationSuite.suite("memory", memory, Searches.simulated("memory", 200))

const rootFibers = Effect.map(Fiber.roots, (roots) => roots.length)

describe("Simulation", () => {
  it.live("gives the same history for the same seed", () =>
    Effect.gen(function* () {
      for (const seed of [1, 2, 3, 4, 5]) {
        const plan = Simulation.planOf(seed)
        deepStrictEqual(yield* Simulation.play(memory, plan), yield* Simulation.play(memory, plan))
      }
    }),
  )

  it.live("leaves no fiber behind", () =>
    Effect.gen(function* () {
      const before = yield* rootFibers
      for (let seed = 1; seed <= 30; seed += 1) yield* Simulation.play(memory, Simulation.planOf(seed))
      strictEqual(yield* rootFibers, before)
    }),
  )

  it.live("judges an executor and a worker of one's own", () =>
    Effect.gen(function* () {
      let workers = 0
      const subject: Simulation.Subject<never> = {
        ...memory,
        worker: (options) =>
          Effect.suspend(() => {
            workers += 1
            return Worker.run(options)
          }),
        execute: Executor.from((run) =>
          Effect.gen(function* () {
            yield* Effect.sleep("2 seconds")
            yield* Emit.text(RequestSnapshot.lastUserText(run.snapshot).toUpperCase())
          }),
        ),
        request: (run) => ({ snapshot: RequestSnapshot.fromText(`say ${run}`) }),
      }
      let said = 0
      for (let seed = 1; seed <= 10; seed += 1) {
        const history = yield* Simulation.play(subject, Simulation.planOf(seed))
        deepStrictEqual(HistoryChecker.violations(history), [])
        for (const { log } of history.final) {
          said += log.filter(({ event }) => String(event["delta"]).startsWith("SAY RUN-")).length
        }
      }
      assertTrue(workers >= 10 && said >= 10)
    }),
  )
})
