/**
 * Property test of limits of concurrency: random histories of submissions, claims, ends, waits, pauses and changed limits. A run has up to
 * two: that of its key, and that of its agent, which may come while the agent has runs. The project gets a limit too, and its pause.
 *
 * After each step: no more runs of a limit work than it allows since it was set, and the counts of each limit equal a count of the
 * runs. At the end all runs of routes with workers have ended. Runs of one key, route and priority start in the order of submission, and those
 * of higher priorities first, while no place is lost and the agent has no limit.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Claims } from "@runlease/core/Claims"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Limits, type LimitSubject, ofAgent, ofKey, ofProject } from "@runlease/core/Limits"
import type { ClaimedRun, Run } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Summaries } from "@runlease/core/Summaries"
import { LimitRules } from "@runlease/store"
import { DateTime, Duration, Effect, Layer, Ref, TestClock } from "effect"
import { boundsOf, countOf, type LimitCounts, nameOf, randomOf, toCounts } from "./LimitCounting.js"
import * as LimitWorlds from "./LimitWorlds.js"
import * as TestRuns from "./TestRuns.js"

/** A run that has not been claimed, and has not been delayed. */
interface Fresh {
  readonly runId: string
  readonly key: string | null
  readonly agentId: string
  readonly priority: number
}

/**
 * The order in which the runs of a random history with limits start.
 *
 * Runs of one key and route that have not started go by priority and then by age. A place that is lost lets a run of another route in, which
 * may have a lower priority. So priorities are compared while no run of the key has waited long enough to lose its place. The limit
 * of an agent is the second one of a run with a key, and no run changes places there, so such runs are compared by age alone.
 */
interface LimitOrder {
  readonly submitted: (run: Fresh) => void
  readonly cancelled: (runId: string) => void
  /** Checks that no run has started before others of its key and route. */
  readonly started: (claimed: ReadonlyArray<ClaimedRun>) => void
  /** Notes which keys may have lost places by now. */
  readonly settle: (unfinished: ReadonlyArray<Run>) => Effect.Effect<void>
}

/** `governed`: the agents that have got a limit. */
const makeOrder = (governed: ReadonlySet<string>): LimitOrder => {
  let fresh: ReadonlyArray<Fresh> = []
  const unsettled = new Set<string | null>()

  const goesBefore = (run: Fresh, other: Fresh, isOlder: boolean): boolean => {
    if (other.key !== run.key || other.agentId !== run.agentId) return false
    if (other.priority === run.priority) return isOlder
    return other.priority > run.priority && !unsettled.has(run.key) && !governed.has(run.agentId)
  }

  return {
    submitted: (run) => {
      fresh = [...fresh, run]
    },
    cancelled: (cancelled) => {
      fresh = fresh.filter(({ runId }) => runId !== cancelled)
    },
    started: (claimed) => {
      const isClaimed = ({ runId }: Fresh): boolean => claimed.some((run) => run.runId === runId)
      for (const [at, run] of fresh.entries()) {
        if (!isClaimed(run)) continue
        const before = fresh.filter((other, index) => !isClaimed(other) && goesBefore(run, other, index < at))
        deepStrictEqual(before, [], `${run.runId} started before others`)
      }
      fresh = fresh.filter((run) => !isClaimed(run))
    },
    settle: (unfinished) =>
      Effect.map(DateTime.now, (now) => {
        const pending = unfinished.filter(({ status }) => status === "pending")
        for (const key of unsettled) {
          if (!pending.some(({ concurrencyKey }) => concurrencyKey === key)) unsettled.delete(key)
        }
        for (const { concurrencyKey, createdAt } of pending) {
          if (createdAt.epochMillis <= now.epochMillis - LimitRules.placeMillis) unsettled.add(concurrencyKey)
        }
      }),
  }
}

const keys = ["a", "b", "c"]

const liveAgents = ["one", "two"].map((id) => Ids.AgentId.make(id))

const routes = [...liveAgents, Ids.AgentId.make("without-workers")]

const leaseDuration = "30 seconds"

/** Longer than two runs of routes without workers keep places from others, at each of two limits. */
const mostIdleSeconds = 30

/** Those of keys are narrower, and all runs of an agent have its limit. */
const subjects = [...keys.map(ofKey), ...routes.map(ofAgent), ofProject]

/** `stored`: of the limits. `counts`: of the runs. */
interface Counts {
  readonly stored: ReadonlyArray<LimitCounts>
  readonly counts: ReadonlyArray<LimitCounts>
}

const world = (seed: number, steps: number) =>
  Effect.gen(function* () {
    const int = randomOf(seed * 7919 + 13)
    const pick = LimitWorlds.pickOf(int)
    const { claim } = yield* Claims
    const limits = yield* Limits
    const runs = yield* Runs
    const summaries = yield* Summaries
    const workerId = yield* TestRuns.register()
    const bounds = boundsOf(subjects)
    /** The agents that have got a limit: it may have no bound by now, and its runs count all the same. */
    const governed = new Set<string>()
    /** Whether the project has got a limit. */
    let projectLimited = false
    const working = new Map<string, ClaimedRun>()
    const all = new Set<Run["runId"]>()
    const order = makeOrder(governed)
    const count = yield* Ref.make(0)

    const submit = (key: string | null, bound: number, agentId: Ids.AgentId = pick(routes)) =>
      Effect.gen(function* () {
        const publicId = `run-${yield* Ref.updateAndGet(count, (n) => n + 1)}`
        const priority = int(3)
        const delayed = int(10) === 0
        const { run } = yield* runs.submit({
          agentId,
          publicId,
          priority,
          concurrencyKey: key,
          ...(key === null ? {} : { concurrencyLimit: bound }),
          ...(delayed ? { availableAt: yield* TestRuns.after(Duration.seconds(1 + int(4))) } : {}),
        })
        if (key !== null) bounds.set(ofKey(key), { bound })
        all.add(run.runId)
        if (!delayed) order.submitted({ runId: run.runId, key, agentId, priority })
      })

    const started = (claimed: ReadonlyArray<ClaimedRun>): void => {
      for (const run of claimed) working.set(run.runId, run)
      order.started(claimed)
    }

    const claimFor = (wait: Duration.DurationInput) =>
      Effect.map(
        Effect.suspend(() =>
          claim({
            workerId,
            limit: 1 + int(3),
            leaseDuration,
            agentIds: int(2) === 0 ? liveAgents : [pick(liveAgents)],
            wait,
          }),
        ),
        started,
      )
    const claimSome = claimFor(0)

    const leave = yield* LimitWorlds.leaving(working, int)

    const statuses = Effect.map(
      Effect.suspend(() => Effect.forEach([...all], (runId) => runs.get(runId))),
      (found) => found.filter(({ finishedAt }) => finishedAt === null),
    )

    const changeOne = Effect.flatMap(statuses, (unfinished) => {
      if (unfinished.length === 0) return Effect.void
      const run = pick(unfinished)
      const cancel = Effect.asVoid(runs.cancel(run.runId))
      if (run.status === "waiting") {
        return Effect.asVoid(runs.resume(run.runId, TestRuns.resultOf("call", "done")))
      }
      if (run.status !== "pending") return Effect.void
      order.cancelled(run.runId)
      return cancel
    })

    const pauseOrResume = Effect.suspend(() => {
      const some = [
        ofKey(pick(keys)),
        ...Array.from(governed, ofAgent),
        ...(projectLimited ? [ofProject] : []),
      ]
      const subject = pick(some)
      const paused = int(2) === 0
      return Effect.map(paused ? limits.pause(subject) : limits.resume(subject), () =>
        bounds.set(subject, { paused }),
      )
    })

    const limitAgent = Effect.suspend(() => {
      const agentId = pick(routes)
      const bound = 1 + int(3)
      governed.add(agentId)
      return Effect.map(limits.define(ofAgent(agentId), { maxRunning: bound }), () =>
        bounds.set(ofAgent(agentId), { bound }),
      )
    })

    const limitProject = Effect.suspend(() => {
      const bound = 1 + int(4)
      projectLimited = true
      return Effect.map(limits.define(ofProject, { maxRunning: bound }), () =>
        bounds.set(ofProject, { bound }),
      )
    })

    const step = Effect.suspend((): Effect.Effect<unknown, unknown> => {
      const kind = int(100)
      if (kind < 38) return submit(int(4) === 0 ? null : pick(keys), 1 + int(3))
      if (kind < 62) return claimSome
      if (kind < 80) return leave
      if (kind < 86) return changeOne
      if (kind < 90) return pauseOrResume
      if (kind === 90) return limitAgent
      if (kind === 91) return limitProject
      if (kind < 93) return Effect.all([leave, claimSome, leave], { concurrency: "unbounded" })
      if (kind < 95) {
        const some = Effect.all([claimFor("2 seconds"), submit(null, 1), leave], { concurrency: "unbounded" })
        return TestRuns.start(some).pipe(
          Effect.flatMap(TestRuns.joinAdvancing),
          Effect.scoped,
          Effect.provideService(Runs, runs),
        )
      }
      return TestClock.adjust(Duration.seconds(kind === 99 ? 31 : 1 + int(5)))
    })

    /** Whether a run has a limit. */
    const has = ({ agentId, concurrencyKey, concurrencyLimit }: Run, { key, kind }: LimitSubject): boolean =>
      kind === "project"
        ? projectLimited
        : kind === "agent"
          ? agentId === key && governed.has(key)
          : concurrencyKey === key && concurrencyLimit !== undefined

    const counted = (unfinished: ReadonlyArray<Run>) =>
      Effect.map(
        Effect.forEach(
          unfinished.filter(({ status }) => status === "pending"),
          (run) => Effect.map(summaries.standing(run.runId), (standing) => ({ run, standing })),
        ),
        (pending) =>
          subjects.map((subject) => {
            const of = (count: "open" | "waiting") =>
              pending.filter(({ run, standing }) => has(run, subject) && countOf(standing, subject) === count)
                .length
            const running = unfinished.filter((run) => run.status === "running" && has(run, subject)).length
            return { name: nameOf(subject), running, open: of("open"), waiting: of("waiting") }
          }),
      )

    /** The counts of the limits and of the runs at one moment: a sweep may be under way. */
    const countBoth: Effect.Effect<Counts, unknown> = Effect.gen(function* () {
      const { items } = yield* limits.list()
      const counts = yield* Effect.flatMap(statuses, counted)
      const after = yield* limits.list()
      return JSON.stringify(items) === JSON.stringify(after.items)
        ? { stored: subjects.map((subject) => toCounts(items, subject)), counts }
        : yield* countBoth
    })

    const check = Effect.gen(function* () {
      const { counts, stored } = yield* countBoth
      yield* Effect.flatMap(statuses, order.settle)
      deepStrictEqual(stored, counts)
      for (const counted of stored) bounds.check(counted)
    })

    for (let at = 0; at < steps; at += 1) {
      yield* step
      yield* check
    }

    // The end: nothing is paused, and everything that workers take ends.
    for (const subject of [...keys.map(ofKey), ...Array.from(governed, ofAgent), ofProject]) {
      yield* limits.resume(subject)
      bounds.set(subject, { paused: false })
      if (subject.kind === "concurrency_key") yield* submit(subject.key, 1 + int(2), liveAgents[0])
    }
    for (const { runId, status } of yield* statuses) {
      if (status === "waiting") yield* runs.resume(runId, TestRuns.resultOf("call", "done"))
    }
    let idle = 0
    while (true) {
      const claimed = yield* claim({ workerId, limit: 2, leaseDuration, agentIds: liveAgents })
      started(claimed)
      yield* LimitWorlds.endAll(working)
      yield* check
      const left = (yield* statuses).filter(({ agentId }) => liveAgents.includes(agentId))
      if (left.length === 0) return
      idle = claimed.length === 0 ? idle + 1 : 0
      assertTrue(idle <= mostIdleSeconds + 35, `${left.map(({ runId }) => runId).join()} wait for ever`)
      if (claimed.length === 0) yield* TestClock.adjust("1 second")
    }
  })

/** Declares the test. Each of the `worlds` has its own store. */
export const suite = (
  name: string,
  layer: Layer.Layer<StorePorts, unknown>,
  worlds: LimitWorlds.Worlds,
): void => {
  describe(`Limits (${name})`, () => {
    LimitWorlds.test(
      `Limits (${name})`,
      "every history stays within its limits, counts right, and ends",
      layer,
      worlds,
      world,
    )
  })
}
