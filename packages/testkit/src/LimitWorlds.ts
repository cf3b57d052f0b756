/** Histories over stores of their own, for the property suites of limits, rates and fairness. */
import { it } from "@effect/vitest"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Console, Duration, Effect, Layer, Option, Predicate, type Scope } from "effect"
import * as Replay from "./properties/Replay.js"
import * as TestRuns from "./TestRuns.js"

/** How many histories there are, and the steps of each. `from` is the seed of the first, 0 when absent. */
export interface Worlds {
  readonly worlds: number
  readonly steps: number
  readonly from?: number | undefined
}

/**
 * Declares a test of histories in the suite of the caller, whose name is `suite`. Each history has its own store. With
 * `RUNLEASE_REPLAY` the history of that seed runs alone.
 */
export const test = <E>(
  suite: string,
  title: string,
  layer: Layer.Layer<StorePorts, unknown>,
  { from = 0, steps, worlds }: Worlds,
  world: (seed: number, steps: number) => Effect.Effect<void, E, StorePorts | Scope.Scope>,
): void =>
  it.effect(
    title,
    () =>
      Effect.flatMap(Replay.seed, (replayed) =>
        Effect.forEach(
          Option.match(replayed, {
            onNone: () => Array.from({ length: worlds }, (_, index) => from + index),
            onSome: (seed) => [seed],
          }),
          (seed) =>
            world(seed, steps).pipe(
              Effect.tapErrorCause(() => Console.error(`Run it again: ${Replay.command(suite, seed)}`)),
              Effect.scoped,
              Effect.provide(Layer.fresh(layer)),
            ),
          { discard: true },
        ),
      ),
    Duration.toMillis("10 minutes"),
  )

/** The runs that work, by their ids. */
export type Working = Map<string, ClaimedRun>

const isLost = Predicate.isTagged("LeaseLost")

/** Picks one of some values by the numbers of a history. */
export const pickOf =
  (int: (below: number) => number) =>
  <A>(values: ReadonlyArray<A>): A =>
    values[int(values.length)]!

/**
 * Returns an effect that ends the lease of one of the runs that work: it waits, is handed back, is cancelled or ends. The lease may have lapsed
 * before.
 */
export const leaving = (
  working: Working,
  int: (below: number) => number,
): Effect.Effect<Effect.Effect<void, unknown>, never, Leases | Runs> =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const runs = yield* Runs
    return Effect.suspend((): Effect.Effect<void, unknown> => {
      if (working.size === 0) return Effect.void
      const run = pickOf(int)([...working.values()])
      working.delete(run.runId)
      const lease = TestRuns.leaseOf(run)
      const how = int(6)
      if (how === 0) return Effect.asVoid(leases.suspend(lease, TestRuns.forToolCall()))
      if (how === 1) return Effect.asVoid(leases.release(lease, {}))
      if (how === 2) return Effect.asVoid(leases.release(lease, { delay: Duration.seconds(1 + int(4)) }))
      if (how === 3) return Effect.asVoid(runs.cancel(run.runId))
      return Effect.asVoid(runs.complete(run.runId, { status: "completed" }, lease))
    }).pipe(Effect.catchIf(isLost, () => Effect.void))
  })

/** Ends all runs that work, but those whose leases have lapsed. */
export const endAll = (working: Working): Effect.Effect<void, unknown, Leases | Runs> =>
  Effect.gen(function* () {
    for (const run of working.values()) {
      yield* Effect.catchTag(TestRuns.complete(run), "LeaseLost", () => Effect.void)
    }
    working.clear()
  })
