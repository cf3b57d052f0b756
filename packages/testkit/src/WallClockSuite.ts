/** What a store on Effect's Clock must do when the wall clock is set: measure time by the monotonic clock. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core/Access"
import type { ControlPlane, ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { DateTime, Duration, Effect, type Layer, Logger } from "effect"
import * as JumpClock from "./JumpClock.js"
import * as TestRuns from "./TestRuns.js"

const hour = Duration.toMillis("1 hour")
const lease = Duration.toMillis(TestRuns.leaseDuration)

/**
 * Declares the tests. Each build of `layer` makes a fresh, empty control plane. The tests set the wall time of the Clock
 * back and forward while its nanoseconds continue.
 *
 * ```ts
 * WallClockSuite.suite("memory", MemoryControlPlane.layer)
 * ```
 */
export const suite = (
  name: string,
  layer: Layer.Layer<ProjectPorts | ControlPlane | Access, unknown>,
): void => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))

  const test = <A, E>(
    title: string,
    body: (clock: JumpClock.JumpClock) => Effect.Effect<A, E, ProjectPorts | ControlPlane | Access>,
  ) =>
    it.live(title, () =>
      Effect.gen(function* () {
        lines.length = 0
        const clock = yield* JumpClock.make
        yield* clock.setWall(3 * hour)
        return yield* body(clock).pipe(Effect.provide(layer), Effect.withClock(clock))
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger))),
    )

  describe(`Setting the wall clock (${name})`, () => {
    for (const [direction, wall] of [
      ["back", 2 * hour],
      ["forward", 4 * hour],
    ] as const) {
      test(`${direction} neither shortens nor extends a lease`, (clock) =>
        Effect.gen(function* () {
          const claimed = yield* TestRuns.hold(yield* TestRuns.register())
          const other = yield* TestRuns.register("other")
          yield* clock.jump(lease - 1000)
          yield* clock.setWall(wall)
          deepStrictEqual(yield* TestRuns.claim(other), [])
          yield* clock.jump(1000)
          strictEqual((yield* TestRuns.claimOne(other)).runId, claimed.runId)
        }))

      test(`${direction} neither shortens nor extends a renewed lease`, (clock) =>
        Effect.gen(function* () {
          const worker = yield* TestRuns.register()
          const claimed = yield* TestRuns.hold(worker)
          const other = yield* TestRuns.register("other")
          yield* clock.setWall(wall)
          yield* clock.jump(lease - 1000)
          const leases = yield* Leases
          const [renewal] = yield* leases.renew({
            workerId: worker,
            leases: [TestRuns.leaseOf(claimed)],
            leaseDuration: TestRuns.leaseDuration,
          })
          strictEqual(renewal?._tag, "Renewed")
          yield* clock.jump(lease - 1000)
          deepStrictEqual(yield* TestRuns.claim(other), [])
          yield* clock.jump(1000)
          strictEqual((yield* TestRuns.claimOne(other)).runId, claimed.runId)
        }))

      test(`${direction} does not change a delay`, (clock) =>
        Effect.gen(function* () {
          const worker = yield* TestRuns.register()
          const claimed = yield* TestRuns.hold(worker)
          const leases = yield* Leases
          yield* leases.release(TestRuns.leaseOf(claimed), { delay: "10 seconds" })
          yield* clock.setWall(wall)
          deepStrictEqual(yield* TestRuns.claim(worker), [])
          yield* clock.jump(10_000)
          strictEqual((yield* TestRuns.claimOne(worker)).runId, claimed.runId)
        }))
    }

    test("leaves timestamps in the order of events", (clock) =>
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.createProject("first")
        const first = yield* TestRuns.submit()
        yield* clock.setWall(0)
        yield* clock.jump(1000)
        const second = yield* TestRuns.submit()
        strictEqual(DateTime.distance(first.createdAt, second.createdAt), 1000)
        const { key } = yield* access.createKey({ projectId: project.id, name: "key" })
        strictEqual(DateTime.distance(project.createdAt, key.createdAt), 1000)
      }))

    test("is logged once for each change of more than a second", (clock) =>
      Effect.gen(function* () {
        const look = Effect.zipRight(TestRuns.submit(), TestRuns.settle)
        yield* clock.setWall(3 * hour + 900)
        yield* look
        deepStrictEqual(lines, [])
        yield* clock.setWall(2 * hour)
        yield* look
        yield* clock.jump(5000)
        yield* look
        strictEqual(lines.length, 1)
        assertTrue(lines[0]!.startsWith("The wall clock was set back by 3600 s"))
        assertTrue(lines[0]!.includes("are 3600 s ahead of the wall clock"))
        yield* clock.setWall(4 * hour)
        yield* look
        strictEqual(lines.length, 2)
        assertTrue(lines[1]!.startsWith("The wall clock was set forward by 7195 s"))
        assertTrue(lines[1]!.includes("are 3595 s behind the wall clock"))
      }))
  })
}
