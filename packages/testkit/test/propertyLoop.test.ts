/** Random histories over a store that never waits let timers and sockets go on. */
import { it } from "@effect/vitest"
import { assertTrue } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { PropertySuite, TestRuns } from "@runlease/testkit"
import { Effect, Ref } from "effect"

it.live("the event loop turns before each history", () =>
  Effect.gen(function* () {
    const turns = yield* Ref.make(0)
    const counting = Effect.forever(
      Effect.zipRight(
        TestRuns.turn,
        Ref.update(turns, (n) => n + 1),
      ),
    )
    const runs = 20
    yield* Effect.raceFirst(PropertySuite.check(MemoryControlPlane.layer, { runs }), counting)
    assertTrue((yield* Ref.get(turns)) >= runs)
  }),
)
