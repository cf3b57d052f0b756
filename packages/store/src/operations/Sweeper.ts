/**
 * What is due: leases lapse, waits expire, delays end, limits of time are reached, places at limits are lost, schedules tick, bulk
 * operations go on.
 */
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as LoopTurn from "@runlease/core/LoopTurn"
import { Duration, Effect, Either, Function } from "effect"
import * as LimitPlaces from "../rules/LimitPlaces.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import { addLimit, type RunBatch } from "../commit/RunBatch.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as Turns from "../commit/Turns.js"
import { slowPoll, type Wakeups } from "../commit/Wakeups.js"
import * as ClaimSearch from "../commit/ClaimSearch.js"
import type { RunKey, StoredRun } from "../rows/RunRows.js"
import { rollouts, webhookEndpoints } from "../rows/Records.js"
import type { NextDue, RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as BulkParts from "./BulkParts.js"
import * as TickOperation from "./TickOperation.js"

/** Applies what time has made of these runs, and writes it. Returns how many of them were still due. */
export const moveDue = <X>(batch: RunBatch<X>, keys: ReadonlyArray<RunKey>): Effect.Effect<number, X> => {
  if (keys.length === 0) return Effect.succeed(0)
  const move = (found: StoredRun): boolean => {
    const run = batch.add(found)
    const due = RunTransitions.due(run.state, batch.now)
    if (due !== undefined) batch.apply(run, due)
    return due !== undefined
  }
  return Effect.flatMap(batch.rows.findKeys(keys, "free"), (found) =>
    Effect.flatMap(batch.inTurn(found, move), (moved) =>
      Effect.as(batch.flush(), moved.filter(Boolean).length),
    ),
  )
}

/** How many of the runs with a place are looked at. Those that had it longest come first. */
const mostPlaced = LimitRules.mostOpened

/** Takes the places that no worker has claimed in time, and lets other runs in. */
const loosen = <X>(batch: RunBatch<X>, limit: LimitRules.LimitRef): Effect.Effect<void, X> =>
  Effect.map(
    batch.rows.limits.placed(limit, { first: "longest", most: mostPlaced, fresh: false }),
    (found) => {
      let since: number | null = null
      for (const run of found.map(batch.add)) {
        const lost = LimitRules.losePlace(run.state, limit.limit, batch.now)
        if (lost === undefined) since ??= LimitPlaces.at(run.state.limits, limit.limit)?.since ?? null
        else batch.apply(run, lost)
      }
      batch.limits().touch(limit, since === null ? null : since + LimitRules.placeMillis)
    },
  )

/** Looks at the limits that are due; returns how many. */
const moveLimits = <X>(batch: RunBatch<X>): Effect.Effect<number, X> =>
  Effect.flatMap(batch.rows.limits.due, (limits) =>
    limits.length === 0
      ? Effect.succeed(0)
      : Effect.forEach(limits, (limit) => loosen(batch, limit), { discard: true }).pipe(
          Effect.zipRight(batch.flush()),
          Effect.as(limits.length),
        ),
  )

/** Moves what is due, a bounded number of runs; returns how many. */
const sweep = <X>(): RunOperation<void, number, number, never, X> => ({
  name: "Sweep",
  decide: (requests, batch) =>
    batch.rows.search(ClaimSearch.nothing).pipe(
      Effect.flatMap(({ due }) => moveDue(batch, due)),
      Effect.zipWith(moveLimits(batch), (runs, limits) => runs + limits),
      Effect.map((moved) => requests.map(() => Either.right(moved))),
    ),
  answer: Function.identity,
})

/** The most parts of bulk operations in one look at what is due. */
const mostParts = 8

/**
 * Sweeps whenever something is due, so that leases lapse, waits expire and delays end even where no worker claims, schedules tick, and
 * bulk operations go on, a few parts in each look. A sweep that fails is tried again later. A pause is short, so that a civil clock that is
 * set is noticed soon.
 */
export const run = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
): Effect.Effect<never> => {
  const { civilNow: readCivilNow, reads, unavailable } = store
  const work = commits.operation(BulkParts.work<X>())
  const continueBulk = BulkParts.continuing(StoreReads.reading(store), commits)
  const sweepNow = commits.operation(sweep<X>())
  const tick = commits.operation(TickOperation.operation(readCivilNow))
  /** Ticks a part of the schedules that are due. The requests of others go after a large one. */
  const tickNow = () =>
    Effect.flatMap(tick(), ({ isLarge, schedules }) =>
      Effect.as(isLarge ? Turns.letOthersGo(commits) : Effect.void, schedules),
    )
  const times = Effect.mapError(Effect.all({ due: reads.nextDue, now: reads.now }), (error) =>
    unavailable("Sweep", error),
  )
  const civilNow = Effect.mapError(readCivilNow, (error) => unavailable("Sweep", error))
  /** Does what is due, and returns how long nothing else is. */
  const pauseOf = (
    due: number | null,
    now: Effect.Effect<number, ControlPlaneUnavailable>,
    moveNow: typeof sweepNow,
  ) =>
    due === null
      ? Effect.succeed(slowPoll)
      : Effect.flatMap(now, (instant) =>
          due > instant
            ? Effect.succeed(Duration.millis(due - instant))
            : Effect.map(moveNow(), (moved) => (moved > 0 ? Duration.zero : slowPoll)),
        )
  let size = BulkParts.sizeAfter(Number.POSITIVE_INFINITY, false)
  /** Does a part of a bulk operation; false where there is none. It is small while others have requests, and those go first. */
  const workOnce = Effect.suspend(() => {
    const before = commits.requestCount()
    return Effect.flatMap(work({ most: size, seeds: BulkParts.none }), (worked) => {
      const others = commits.requestCount() - before > 1
      size = BulkParts.sizeAfter(size, others)
      const rest = others ? Turns.letOthersGo(commits) : LoopTurn.next
      return worked === undefined
        ? Effect.succeed(false)
        : continueBulk(worked).pipe(Effect.zipRight(rest), Effect.as(true))
    })
  })
  /** Does a few parts; false where there is none. */
  const workNow = Effect.suspend(() => {
    let parts = 0
    return Effect.repeat(workOnce, { while: (worked) => worked && ++parts < mostParts })
  })
  const { webhookProjects } = commits
  const projects = Effect.mapError(reads.records(webhookEndpoints).projects, (error) =>
    unavailable("Sweep", error),
  )
  const withRollouts = Effect.mapError(reads.records(rollouts).projects, (error) =>
    unavailable("Sweep", error),
  )
  /** Notes the projects that have endpoints, and wakes the sender of messages. */
  const lookAtWebhooks = (due: NextDue, now: number) =>
    Effect.gen(function* () {
      webhookProjects.addAll(due.endpoints ? yield* projects : [])
      if (due.deliveries !== null && due.deliveries <= now) yield* wakeups.messages
    })
  const pause = Effect.gen(function* () {
    const { due, now } = yield* times
    yield* lookAtWebhooks(due, now)
    // Another server may have set the first one of a project. A commit notes where a project has none any more.
    if (due.rollouts) for (const id of yield* withRollouts) commits.rolloutProjects.add(id)
    // Another server may have set the first one. That there is none any more is for a commit to read, since a setting may be under way.
    if (due.named) addLimit(commits.limitsSeen, "named")
    const ofRuns = yield* pauseOf(due.runs, Effect.succeed(now), sweepNow)
    const ofSchedules = yield* pauseOf(due.schedules, civilNow, tickNow)
    const ofBulk = due.bulk && (yield* Effect.zipLeft(workNow, LoopTurn.next)) ? Duration.zero : slowPoll
    const ofMessages =
      due.deliveries === null || due.deliveries <= now ? slowPoll : Duration.millis(due.deliveries - now)
    return Duration.min(Duration.min(ofRuns, ofSchedules), Duration.min(ofBulk, ofMessages))
  })
  return pause.pipe(
    Effect.tapError((error) => Effect.logWarning("The sweep failed and will be tried again", error)),
    Effect.orElseSucceed(() => slowPoll),
    Effect.flatMap((duration) =>
      Duration.equals(duration, Duration.zero) ? Effect.sleep(duration) : wakeups.unlessSooner(duration),
    ),
    Effect.forever,
  )
}
