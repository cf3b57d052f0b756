/** A lease that has lapsed, before a sweep has released its run: every request of its holder is refused. */
import { describe, effect } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { textPart } from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Duration, Effect, type Layer } from "effect"
import * as JumpClock from "./JumpClock.js"
import * as TestRuns from "./TestRuns.js"
import { renew } from "./leases/Holder.js"

const events = [AgentEvent.custom("test", 1)]
const outcome = { status: "completed" } as const

/** Does something as the holder of a run, and returns the verdict. */
type Operation = (claimed: ClaimedRun) => Effect.Effect<string, unknown, ProjectPorts>

/** What only the holder of a run may do. */
const operations = Effect.gen(function* () {
  const leases = yield* Leases
  const runs = yield* Runs
  const { leaseOf, verdictOf } = TestRuns
  const made: Readonly<Record<string, Operation>> = {
    complete: (claimed) => verdictOf(leases.complete(leaseOf(claimed), outcome)),
    "complete with events": (claimed) =>
      verdictOf(
        leases.complete(leaseOf(claimed), outcome, { events, expectedSequence: claimed.latestSequence }),
      ),
    "complete by Runs": (claimed) => verdictOf(runs.complete(claimed.runId, outcome, leaseOf(claimed))),
    append: (claimed) => verdictOf(TestRuns.append(claimed, events)),
    "append beside": (claimed) => verdictOf(leases.appendBeside(leaseOf(claimed), events)),
    callback: (claimed) => verdictOf(leases.callback(leaseOf(claimed), { question: "paid" })),
    renew: (claimed) => Effect.map(renew(claimed), ({ _tag }) => (_tag === "Renewed" ? "Succeeded" : _tag)),
    release: (claimed) => verdictOf(leases.release(leaseOf(claimed))),
    suspend: (claimed) => verdictOf(leases.suspend(leaseOf(claimed), TestRuns.forToolCall())),
    tell: (claimed) => verdictOf(leases.tell(leaseOf(claimed), { parts: [textPart("hello")] })),
    spawn: (claimed) => {
      const submission = { agentId: "child", publicId: `child of ${claimed.runId}` }
      return verdictOf(leases.spawn(leaseOf(claimed), { stepId: "step", name: "step", submission }))
    },
    "record a session": (claimed) =>
      verdictOf(runs.recordSession(leaseOf(claimed), { sessionKey: "session" })),
  }
  return made
})

/**
 * Declares the test. Sweeps and requests share a clock that passes the end of the leases while no timer fires, so each build of `layer`
 * makes a fresh control plane by Effect's Clock.
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  describe(`Lapsed leases (${name})`, () => {
    effect("a lease that has lapsed is refused before a sweep has released its run", () =>
      Effect.gen(function* () {
        const clock = yield* JumpClock.make
        yield* Effect.gen(function* () {
          const runs = yield* Runs
          const named = Object.entries(yield* operations)
          const worker = yield* TestRuns.register()
          /** A run for each operation. */
          const holdAll = Effect.gen(function* () {
            yield* Effect.forEach(named, () => TestRuns.submit(), { concurrency: "unbounded" })
            return yield* TestRuns.claim(worker, { limit: named.length })
          })
          const tryAll = Effect.fnUntraced(function* (runs: ReadonlyArray<ClaimedRun>) {
            const verdicts: Record<string, string> = {}
            for (const [index, [name, operation]] of named.entries())
              verdicts[name] = yield* operation(runs[index]!)
            return verdicts
          })
          const expected = (verdict: string) => Object.fromEntries(named.map(([name]) => [name, verdict]))
          const inTime = yield* holdAll
          const late = yield* holdAll
          const statesOfLate = Effect.map(runs.list({ limit: 100 }), ({ items }) =>
            items.filter(({ runId }) => late.some((run) => run.runId === runId)),
          )
          // The sweeper has looked, and sleeps.
          yield* TestRuns.settle

          yield* clock.stall(Duration.toMillis(TestRuns.leaseDuration) - 1)
          deepStrictEqual(yield* tryAll(inTime), expected("Succeeded"))

          const before = yield* statesOfLate
          deepStrictEqual(
            before.map(({ status }) => status),
            named.map(() => "running"),
          )
          yield* clock.stall(1)
          deepStrictEqual(yield* tryAll(late), { ...expected("LeaseLost"), renew: "Lost" })
          deepStrictEqual(yield* statesOfLate, before)

          const claimed = yield* TestRuns.claim(yield* TestRuns.register("other"), { limit: 100 })
          deepStrictEqual(
            late.map(({ runId }) => claimed.find((run) => run.runId === runId)?.attempt),
            named.map(() => 2),
          )
        }).pipe(Effect.scoped, Effect.provide(layer), Effect.withClock(clock))
      }),
    )
  })
}
