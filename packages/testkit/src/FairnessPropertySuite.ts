/**
 * Property test of fairness: random histories of submissions with and without keys, delays, claims, releases, cancellations and ends.
 *
 * At each start: the runs of one key start in the order of their submission, and a key that had no run in its set since that was empty
 * has waited for one start of each key that waited before it at most. At the end every run has started once.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Claims } from "@runlease/core/Claims"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Duration, Effect, Layer, TestClock } from "effect"
import * as LimitWorlds from "./LimitWorlds.js"
import * as TestRuns from "./TestRuns.js"

/** Numbers that look random and are the same for each seed. */
const randomOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
}

/** The empty key is that of the runs without one. */
const keys = ["a", "b", "c", "d", "e", ""]
const weights: Readonly<Record<string, number>> = { a: 1, b: 3, c: 0.5, d: 10, e: 1 }
const agents = ["one", "two"].map((id) => Ids.AgentId.make(id))
const leaseDuration = "1 hour"

/** A run that waits and that no worker has had. `late`: it was delayed, so it enters its set at some later time. `most`: how many starts of its set may come before its own; undefined for no bound. */
interface Waiting {
  readonly runId: string
  readonly key: string
  readonly late: boolean
  readonly most: number | undefined
  before: number
}

/** `used`: the keys that have had a run since the set was empty. */
interface ModelSet {
  readonly waiting: Array<Waiting>
  readonly used: Set<string>
}

const world = (seed: number, steps: number) =>
  Effect.gen(function* () {
    const int = randomOf(seed * 7919 + 17)
    const pick = LimitWorlds.pickOf(int)
    const { claim } = yield* Claims
    const leases = yield* Leases
    const runs = yield* Runs
    const workerId = yield* TestRuns.register()
    const sets = new Map<string, ModelSet>()
    const working = new Map<string, ClaimedRun>()
    const unstarted = new Set<string>()
    const started = new Set<string>()
    let count = 0

    const setOf = (name: string): ModelSet => {
      const set = sets.get(name) ?? { waiting: [], used: new Set<string>() }
      sets.set(name, set)
      return set
    }

    /** A run without a key has no bound: it may be before all others, or share a turn. */
    const enter = (runId: string, name: string, key: string, late: boolean): void => {
      const set = setOf(name)
      if (set.waiting.length === 0) set.used.clear()
      const isNew = key !== "" && !late && !set.used.has(key)
      const unkeyed = set.waiting.filter((other) => other.key === "").length
      const others = new Set(set.waiting.flatMap((other) => (other.key === "" ? [] : [other.key])))
      set.waiting.push({ runId, key, late, most: isNew ? others.size + unkeyed : undefined, before: 0 })
      set.used.add(key)
    }

    /** One commit: several runs of one agent and priority. */
    const submit = Effect.suspend(() => {
      const agentId = pick(agents)
      const priority = int(2)
      const delayed = int(8) === 0
      const key = pick(keys)
      const many = int(4) === 0 ? 1 + int(12) : 1
      return Effect.gen(function* () {
        const availableAt = yield* TestRuns.after(Duration.seconds(1 + int(4)))
        const names = Array.from({ length: many }, () => `run-${(count += 1)}`)
        yield* runs.submitMany(
          names.map((publicId) => ({
            agentId,
            priority,
            publicId,
            concurrencyKey: null,
            ...(key === "" ? {} : { fairnessKey: key, fairnessWeight: weights[key]! }),
            ...(delayed ? { availableAt } : {}),
          })),
        )
        for (const runId of names) {
          unstarted.add(runId)
          enter(runId, `${agentId} ${priority}`, key, delayed)
        }
      })
    })

    const start = (run: ClaimedRun): void => {
      working.set(run.runId, run)
      if (run.leaseEpoch !== 1) return
      assertTrue(unstarted.delete(run.runId), `${run.runId} has started twice`)
      started.add(run.runId)
      const set = Array.from(sets.values()).find(({ waiting }) =>
        waiting.some(({ runId }) => runId === run.runId),
      )
      if (set === undefined) return
      const at = set.waiting.findIndex(({ runId }) => runId === run.runId)
      const { before, key, late, most } = set.waiting.splice(at, 1)[0]!
      if (late) return
      const older = set.waiting.slice(0, at).filter((other) => other.key === key && !other.late)
      deepStrictEqual(older, [], `${run.runId} started before older runs of its key`)
      assertTrue(
        most === undefined || before <= most,
        `${run.runId} waited for ${before} starts, not ${most}`,
      )
      for (const other of set.waiting) other.before += 1
    }

    const claimSome = Effect.map(
      Effect.suspend(() =>
        claim({
          workerId,
          limit: 1 + int(4),
          leaseDuration,
          agentIds: int(2) === 0 ? agents : [pick(agents)],
        }),
      ),
      (claimed) => claimed.forEach(start),
    )

    const leave = Effect.suspend((): Effect.Effect<void, unknown> => {
      if (working.size === 0) return Effect.void
      const run = pick([...working.values()])
      working.delete(run.runId)
      const lease = TestRuns.leaseOf(run)
      const how = int(6)
      if (how === 0) return Effect.asVoid(leases.release(lease, {}))
      if (how === 1) return Effect.asVoid(leases.release(lease, { delay: Duration.seconds(1 + int(4)) }))
      return Effect.asVoid(runs.complete(run.runId, { status: "completed" }, lease))
    })

    const cancelOne = Effect.suspend((): Effect.Effect<void, unknown> => {
      const name = pick([...unstarted])
      if (name === undefined) return Effect.void
      unstarted.delete(name)
      for (const { waiting } of sets.values()) {
        const at = waiting.findIndex(({ runId }) => runId === name)
        if (at >= 0) waiting.splice(at, 1)
      }
      return Effect.asVoid(runs.cancel(Ids.RunId.make(name)))
    })

    const step = Effect.suspend((): Effect.Effect<unknown, unknown> => {
      const kind = int(100)
      if (kind < 45) return submit
      if (kind < 75) return claimSome
      if (kind < 92) return leave
      if (kind < 96) return cancelOne
      return TestClock.adjust(Duration.seconds(1 + int(5)))
    })

    for (let at = 0; at < steps; at += 1) yield* step

    while (unstarted.size > 0) {
      yield* TestClock.adjust("5 seconds")
      const claimed = yield* claim({ workerId, limit: 20, leaseDuration })
      assertTrue(claimed.length > 0, `${[...unstarted].join()} wait for ever`)
      claimed.forEach(start)
      for (const run of working.values()) yield* TestRuns.complete(run)
      working.clear()
    }
  })

/** Of 2,000 starts, two keys with as many runs have their weights' shares. */
const shares = Effect.gen(function* () {
  const workerId = yield* TestRuns.register()
  const runs = yield* Runs
  const { claim } = yield* Claims
  for (let batch = 0; batch < 4; batch += 1) {
    for (const [fairnessKey, fairnessWeight] of [
      ["one", 1],
      ["three", 3],
    ] as const) {
      const submission = { agentId: "one", fairnessKey, fairnessWeight, concurrencyKey: null }
      yield* runs.submitMany(
        Array.from({ length: 500 }, (_, index) => ({
          ...submission,
          publicId: `${fairnessKey} ${batch} ${index}`,
        })),
      )
    }
  }
  let of = 0
  for (let batch = 0; batch < 20; batch += 1) {
    const claimed = yield* claim({ workerId, limit: 100, leaseDuration })
    deepStrictEqual(claimed.length, 100)
    of += claimed.filter(({ runId }) => runId.startsWith("three")).length
  }
  assertTrue(Math.abs(of - 1500) <= 2, `${of} of 2,000 starts had three of four turns`)
})

/** Declares the tests. Each of the `worlds` has its own store. */
export const suite = (
  name: string,
  layer: Layer.Layer<StorePorts, unknown>,
  worlds: LimitWorlds.Worlds,
): void => {
  describe(`Fairness (${name})`, () => {
    LimitWorlds.test(
      `Fairness (${name})`,
      "every history starts the runs of a key in order, lets no key wait for long, and loses none",
      layer,
      worlds,
      world,
    )

    it.effect(
      "two keys have the shares of their weights in 2,000 starts",
      () => shares.pipe(Effect.scoped, Effect.provide(Layer.fresh(layer))),
      Duration.toMillis("2 minutes"),
    )
  })
}
