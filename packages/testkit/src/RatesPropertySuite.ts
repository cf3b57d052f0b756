/**
 * Property test of rates: random histories of submissions, claims, ends, waits, releases, lapses, pauses and changed rates. A run has one or
 * two limits with names, `api` with a rate and `gpu` with places and a rate, and some have a limit of their concurrency key before them.
 *
 * After each step: of each key, first starts within any time t since its rate was set are at most `burst + rate * t`, no more runs work
 * than may, the counts equal a count of the runs, and no run waits for more than a second while there are tokens and places and no other run has
 * one. At the end all runs of routes with workers have ended, though others keep places.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Claims } from "@runlease/core/Claims"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { type LimitSubject, Limits, ofName, type Rate } from "@runlease/core/Limits"
import type { ClaimedRun, Run } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Clock, Duration, Effect, Layer, Ref, TestClock } from "effect"
import { nameOf, randomOf } from "./LimitCounting.js"
import * as LimitWorlds from "./LimitWorlds.js"
import * as TestRuns from "./TestRuns.js"

const names = ["api", "gpu"] as const
const keys = ["eu", "us"]
const liveAgents = ["one", "two"].map((id) => Ids.AgentId.make(id))
const routes = [...liveAgents, Ids.AgentId.make("without-workers")]
const leaseDuration = "30 seconds"
const subjects = names.flatMap((name) => keys.map((key): LimitSubject => ({ kind: "named", name, key })))

/** What is set of a limit, and when the runs of each key started for the first time since then, in milliseconds. */
interface Setting {
  rate: Rate
  maxRunning: number | null
  readonly starts: Map<string, Array<number>>
}

/** Whether the starts until the last one are as many as the rate lets in, in each window that ends with it. */
const isWithin = ({ burst, count, periodSeconds }: Rate, starts: ReadonlyArray<number>): boolean => {
  const last = starts.at(-1)!
  return starts.every(
    (start, index) => starts.length - index <= burst + (count * (last - start)) / (periodSeconds * 1000),
  )
}

const world = (seed: number, steps: number) =>
  Effect.gen(function* () {
    const int = randomOf(seed * 6007 + 29)
    const pick = LimitWorlds.pickOf(int)
    const { claim } = yield* Claims
    const limits = yield* Limits
    const runs = yield* Runs
    const workerId = yield* TestRuns.register()
    const settings = new Map<string, Setting>()
    const working = new Map<string, ClaimedRun>()
    const all = new Map<Run["runId"], Readonly<Record<string, string>>>()
    const begun = new Set<string>()
    const count = yield* Ref.make(0)

    const newRate = (): Rate => ({
      count: 1 + int(4),
      periodSeconds: pick([1, 3, 7, 20]),
      burst: 1 + int(4),
    })

    const define = (name: (typeof names)[number]) =>
      Effect.suspend(() => {
        const rate = newRate()
        const maxRunning = name === "gpu" ? 1 + int(3) : null
        settings.set(name, { rate, maxRunning, starts: new Map(keys.map((key) => [key, []])) })
        return limits.define(ofName(name), { rate, maxRunning })
      })

    const submit = Effect.gen(function* () {
      const publicId = `run-${yield* Ref.updateAndGet(count, (n) => n + 1)}`
      const named = pick([["api"], ["api"], ["gpu"], ["gpu", "api"]])
      const own = named.length === 1 && int(4) === 0
      const limitKeys = Object.fromEntries(named.map((name) => [name, pick(keys)]))
      const { run } = yield* runs.submit({
        agentId: pick(routes),
        publicId,
        priority: int(3),
        limits: limitKeys,
        concurrencyKey: own ? "own" : null,
        ...(own ? { concurrencyLimit: 1 + int(2) } : {}),
        ...(int(10) === 0 ? { availableAt: yield* TestRuns.after(Duration.seconds(1 + int(4))) } : {}),
      })
      all.set(run.runId, limitKeys)
    })

    /** Claims, and checks the first starts. */
    const claimSome = Effect.gen(function* () {
      const claimed = yield* claim({
        workerId,
        limit: 1 + int(4),
        leaseDuration,
        agentIds: int(2) === 0 ? liveAgents : [pick(liveAgents)],
      })
      const now = yield* Clock.currentTimeMillis
      for (const run of claimed) {
        working.set(run.runId, run)
        if (begun.has(run.runId)) continue
        begun.add(run.runId)
        for (const [name, key] of Object.entries(all.get(run.runId)!)) {
          const { rate, starts } = settings.get(name)!
          const ofKey = starts.get(key)!
          ofKey.push(now)
          assertTrue(
            isWithin(rate, ofKey),
            `${name} ${key} ${JSON.stringify(rate)} started ${ofKey.join(", ")}`,
          )
        }
      }
      return claimed.length
    })

    const leave = yield* LimitWorlds.leaving(working, int)

    const unfinished = Effect.map(
      Effect.suspend(() => Effect.forEach([...all.keys()], (runId) => runs.get(runId))),
      (found) => found.filter(({ finishedAt }) => finishedAt === null),
    )

    const changeOne = Effect.flatMap(unfinished, (found) => {
      if (found.length === 0) return Effect.void
      const run = pick(found)
      if (run.status === "waiting") {
        return Effect.asVoid(runs.resume(run.runId, TestRuns.resultOf("call", "done")))
      }
      return run.status === "pending" ? Effect.asVoid(runs.cancel(run.runId)) : Effect.void
    })

    const pauseOrResume = Effect.suspend(() => {
      const subject = pick(subjects)
      return int(2) === 0 ? limits.pause(subject) : limits.resume(subject)
    })

    const step = Effect.suspend((): Effect.Effect<unknown, unknown> => {
      const kind = int(100)
      if (kind < 34) return submit
      if (kind < 58) return claimSome
      if (kind < 72) return leave
      if (kind < 78) return changeOne
      if (kind < 81) return pauseOrResume
      if (kind < 83) return define(pick(names))
      if (kind < 86) return Effect.all([leave, claimSome, leave], { concurrency: "unbounded" })
      return TestClock.adjust(kind === 99 ? "31 seconds" : Duration.millis(100 * (1 + int(30))))
    })

    /** The counts of the limits and of the runs at one moment: a sweep may be under way. */
    const check: Effect.Effect<void, unknown> = Effect.gen(function* () {
      const { items } = yield* limits.list()
      const found = yield* unfinished
      const after = yield* limits.list()
      if (JSON.stringify(items) !== JSON.stringify(after.items)) return yield* check
      const countsOf = ({ key, name }: LimitSubject) => {
        const own = found.filter(({ limits: limitKeys = {} }) => limitKeys[name!] === key)
        const running = own.filter(({ status }) => status === "running").length
        const pending = own.filter(({ leaseEpoch }) => leaseEpoch === 0).length
        return { running, pending }
      }
      for (const subject of subjects) {
        const limit = items.find((each) => nameOf(each) === nameOf(subject))
        const { maxRunning } = settings.get(subject.name!)!
        const counts = { running: limit?.running ?? 0, pending: limit?.pending ?? 0 }
        deepStrictEqual(counts, countsOf(subject), nameOf(subject))
        if (maxRunning !== null) assertTrue(counts.running <= 3, `${nameOf(subject)} has ${counts.running}`)
      }
    })

    /** Limits whose runs wait although there are tokens and places, and none of their runs has one. */
    const starved = Effect.map(limits.list(), ({ items }) =>
      items.filter(
        ({ kind, maxRunning, nextStartAt, open, paused, running, waiting }) =>
          kind === "named" &&
          !paused &&
          waiting > 0 &&
          open === 0 &&
          nextStartAt === null &&
          running < (maxRunning ?? Number.POSITIVE_INFINITY),
      ),
    )

    /** The store looks at what is due once a second at the latest. */
    const checkStarved = Effect.gen(function* () {
      let left = yield* starved
      for (let tries = 0; tries < 10 && left.length > 0; tries += 1) {
        yield* TestClock.adjust("200 millis")
        left = yield* starved
      }
      deepStrictEqual(left, [])
    })

    for (const name of names) yield* define(name)
    for (let at = 0; at < steps; at += 1) {
      yield* step
      yield* check
      yield* checkStarved
    }

    // The end: nothing is paused, and everything that workers take ends, as soon as the rate lets it start.
    for (const subject of subjects) yield* limits.resume(subject)
    let idle = 0
    while (true) {
      for (const { runId, status } of yield* unfinished) {
        if (status === "waiting") yield* runs.resume(runId, TestRuns.resultOf("call", "done"))
      }
      const claimed = yield* claimSome
      yield* LimitWorlds.endAll(working)
      yield* check
      const left = (yield* unfinished).filter(({ agentId }) => liveAgents.includes(agentId))
      if (left.length === 0) return
      idle = claimed === 0 ? idle + 1 : 0
      // A token takes up to 20 s, and places without workers 5 s each; a lease lapses within 31 s.
      assertTrue(idle <= 120, `${left.map(({ runId }) => runId).join()} wait for ever`)
      if (claimed === 0) yield* TestClock.adjust("1 second")
    }
  })

/** Declares the test. Each of the `worlds` has its own store. */
export const suite = (
  name: string,
  layer: Layer.Layer<StorePorts, unknown>,
  worlds: LimitWorlds.Worlds,
): void => {
  describe(`Rates (${name})`, () => {
    LimitWorlds.test(
      `Rates (${name})`,
      "every history starts no more runs than the rates let in, counts right, and ends",
      layer,
      worlds,
      world,
    )
  })
}
