/**
 * The claims that wait in this process for a run.
 *
 * A commit that makes a run runnable either hands it to a claim that waits, or wakes one that looks again. Only a claim whose
 * own look has found nothing is handed runs: no older run is left that it may take.
 *
 * A wake-up may be lost, so some of the waiting claims also look again each second: a few of those that look for the same runs, in turns. One
 * that finds some wakes the next.
 *
 * Source: docs/decisions/0050-a-commit-hands-its-runs-to-waiting-claims.md
 */
import { forExecutor, type RequestSnapshot } from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import { Deferred, Duration, Effect, Exit, FiberId, Option, type Scope } from "effect"
import type { AddedRun } from "../rows/StoredRun.js"
import * as ClaimSearch from "./ClaimSearch.js"
import {
  type ClaimedRunRef,
  type Route,
  byPreference,
  type ClaimDetails,
  type RunKey,
  type RunRows,
  type StoredRun,
} from "../rows/RunRows.js"
import * as StoreMetrics from "./StoreMetrics.js"
import { runnableSince } from "../rules/Counters.js"
import { type RunState, toClaimed } from "../rules/RunState.js"
import { isClaimable, mayHaveSession, type Transition } from "../rules/Transition.js"
import * as RunTransitions from "../rules/RunTransitions.js"

/** The longest time until some of the claims that look for the same runs look without a wake-up. */
const pollPause = Duration.seconds(1)

/** How many of them look then. */
const polledAtOnce = 16

/** The runs that a commit has handed to a claim, and the monotonic time in nanoseconds before the instant of that commit. */
export interface HandedRuns {
  readonly runs: ReadonlyArray<ClaimedRun>
  /** Runs whose requests are too large to be returned with the others. They are handed back. */
  readonly withheld: ReadonlyArray<ClaimedRunRef>
  readonly since: bigint
}

/** A claim as the commit sees it that takes it. */
export interface WaitingClaim {
  readonly request: ClaimSearch.Request
  /** Ends its wait with these runs; a claim whose caller has gone hands them back. */
  readonly give: (handed: HandedRuns) => Effect.Effect<void>
}

/** The waiting claims that one commit takes. They wait for its end, and no other commit takes them. */
export interface ClaimReservation {
  /**
   * Takes the claim that gets this run. Of those that accept it, this is the first that no commit has reserved, else one that this
   * commit has reserved and that wants more runs; undefined when there is none.
   */
  readonly take: (route: Route) => WaitingClaim | undefined
  /** Lets all of them look again, since the commit was undone or has perhaps failed. */
  readonly undo: () => void
}

type HandBack = (runs: ReadonlyArray<ClaimedRunRef>) => Effect.Effect<void>

/** A claim that looks or waits. */
export interface Waiter {
  readonly request: ClaimSearch.Request
  readonly handBack: HandBack
  /** Names the claim, if it has an id. A repeat has the same name. */
  readonly name: string | undefined
  /** The name of its kind, once that was looked at. */
  kind: string | undefined
  readonly ended: Deferred.Deferred<HandedRuns | undefined>
  /** Its own look has found nothing that it may take. */
  armed: boolean
  /** Its look has found runs, and the limit of its project was in their way. */
  blocked: boolean
  /** The caller has what ended the wait. */
  received: boolean
  left: boolean
  /** The run that it was woken for. */
  route: Route | undefined
  /** It looks again without a wake-up. */
  polled: boolean
  handed: HandedRuns | undefined
}

const kindOf = (waiter: Waiter): string => (waiter.kind ??= ClaimSearch.kindOf(waiter.request))

export interface WaitingClaims {
  /**
   * Adds a claim that is about to look; it waits from the first `next` until the Scope closes. When it then has not received
   * what ended its wait, a wake-up is passed on, and runs go to `handBack`.
   */
  readonly join: (
    request: ClaimSearch.Request,
    handBack: (runs: ReadonlyArray<ClaimedRunRef>) => Effect.Effect<void>,
  ) => Effect.Effect<Waiter, never, Scope.Scope>
  /**
   * Waits, and ends with the runs that a commit hands over, or with undefined when the claim has to look again. `blocked`: the limit of its
   * project was in the way of the runs that it has found.
   */
  readonly next: (
    waiter: Waiter,
    time: Duration.DurationInput,
    blocked: boolean,
  ) => Effect.Effect<HandedRuns | undefined>
  /** Each second while claims wait, some of them look again. */
  readonly polls: Effect.Effect<never>
  /** Lets one more claim look again that may take the same runs as this one, which has found some without a wake-up. */
  readonly pollNext: (polled: Waiter) => void
  /** Wakes the first claim that accepts such a run, unless the limit of its project is in its way. */
  readonly wake: (route: Route) => void
  /** Wakes the claims for which the limit of this project may have been in the way. */
  readonly wakeBlocked: (projectId: string) => void
  readonly wakeAll: () => void
  /** Whether a commit could hand a run to one of them. */
  readonly someWait: () => boolean
  readonly reserve: () => ClaimReservation
}

export const make = (): WaitingClaims => {
  /** Those that no commit has reserved, in the order of their arrival. */
  const waiting = new Set<Waiter>()
  /** The names of those that a commit has reserved. */
  const takenNames = new Set<string>()

  const end = (waiter: Waiter, handed: HandedRuns | undefined): void => {
    waiting.delete(waiter)
    waiter.handed = handed
    Deferred.unsafeDone(waiter.ended, Exit.succeed(handed))
  }

  const wake = (route: Route): void => {
    for (const waiter of waiting) {
      if (!ClaimSearch.accepts(waiter.request, route)) continue
      if (waiter.blocked) return
      waiter.route = route
      return end(waiter, undefined)
    }
  }

  /** Open while a claim may be waiting. */
  const some = Effect.unsafeMakeLatch(false)

  const poll = (waiter: Waiter): void => {
    waiter.polled = true
    end(waiter, undefined)
  }

  const pollSome = (): void => {
    const polled = new Map<string, number>()
    for (const waiter of Array.from(waiting)) {
      const kind = kindOf(waiter)
      const before = polled.get(kind) ?? 0
      if (!waiter.armed || before === polledAtOnce) continue
      polled.set(kind, before + 1)
      poll(waiter)
    }
  }

  const leave = (waiter: Waiter): Effect.Effect<void> =>
    Effect.suspend(() => {
      waiting.delete(waiter)
      waiter.left = true
      StoreMetrics.waitingClaims.add(-1)
      if (waiter.received) return Effect.void
      if (waiter.route !== undefined) wake(waiter.route)
      return waiter.handed === undefined ? Effect.void : waiter.handBack(waiter.handed.runs)
    })

  const next = Effect.fnUntraced(function* (waiter: Waiter, time: Duration.DurationInput, blocked: boolean) {
    waiter.armed = true
    waiter.blocked = blocked
    some.unsafeOpen()
    const ended = yield* Effect.timeoutOption(Deferred.await(waiter.ended), time)
    // A claim that no commit has reserved leaves; a reserved one waits for the end of the commit.
    const isReserved = Option.isNone(ended) && !waiting.delete(waiter)
    const handed = isReserved ? yield* Deferred.await(waiter.ended) : Option.getOrUndefined(ended)
    waiter.received = true
    return handed
  })

  const free = ({ name }: Waiter): void => {
    if (name !== undefined) takenNames.delete(name)
  }

  const give = (waiter: Waiter, handed: HandedRuns): Effect.Effect<void> =>
    Effect.suspend(() => {
      free(waiter)
      // A repeat that looked before the commit has not found the runs that its claim has now.
      for (const other of waiting) {
        if (other.name !== undefined && other.name === waiter.name) end(other, undefined)
      }
      if (waiter.left) return waiter.handBack([...handed.runs, ...handed.withheld])
      end(waiter, handed)
      return handed.withheld.length === 0 ? Effect.void : waiter.handBack(handed.withheld)
    })

  const reserve = (): ClaimReservation => {
    /** The reserved claims, with how many runs each gets. The one whose last run came first is the first. */
    const reserved = new Map<Waiter, { count: number; readonly claim: WaitingClaim }>()

    /**
     * The first that no commit has reserved, else one that this commit has reserved. A repeat gets the runs of its claim, so it is not reserved
     * while a commit has its claim. Older runs are left for a claim that the limit of its project blocks.
     */
    const firstFor = (route: Route): Waiter | undefined => {
      for (const waiter of waiting) {
        const { armed, blocked, name, request } = waiter
        if (!armed || blocked || !ClaimSearch.accepts(request, route)) continue
        if (name !== undefined && takenNames.has(name)) continue
        waiting.delete(waiter)
        if (name !== undefined) takenNames.add(name)
        return waiter
      }
      for (const [waiter, { count }] of reserved) {
        if (count < waiter.request.limit && ClaimSearch.accepts(waiter.request, route)) return waiter
      }
      return undefined
    }

    return {
      take: (route) => {
        const waiter = firstFor(route)
        if (waiter === undefined) return undefined
        const turn = reserved.get(waiter) ?? {
          count: 0,
          claim: { request: waiter.request, give: (handed) => give(waiter, handed) },
        }
        turn.count += 1
        reserved.delete(waiter)
        reserved.set(waiter, turn)
        return turn.claim
      },
      undo: () => {
        for (const waiter of reserved.keys()) {
          free(waiter)
          end(waiter, undefined)
        }
        reserved.clear()
      },
    }
  }

  return {
    join: (request, handBack) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const waiter: Waiter = {
            request,
            handBack,
            name: request.claimId === null ? undefined : `${request.workerId} ${request.claimId}`,
            kind: undefined,
            ended: Deferred.unsafeMake(FiberId.none),
            armed: false,
            blocked: false,
            received: false,
            left: false,
            route: undefined,
            polled: false,
            handed: undefined,
          }
          waiting.add(waiter)
          StoreMetrics.waitingClaims.add(1)
          return waiter
        }),
        leave,
      ),
    next,
    polls: Effect.forever(
      Effect.gen(function* () {
        yield* some.await
        yield* Effect.sleep(pollPause)
        if (waiting.size === 0) return yield* some.close
        pollSome()
      }),
    ),
    pollNext: (polled) => {
      for (const waiter of waiting) if (waiter.armed && kindOf(waiter) === kindOf(polled)) return poll(waiter)
    },
    wake,
    wakeBlocked: (projectId) => {
      for (const waiter of Array.from(waiting)) {
        const { armed, blocked, request } = waiter
        if (request.worker.projectId === projectId && (blocked || !armed)) end(waiter, undefined)
      }
    },
    wakeAll: () => {
      for (const waiter of Array.from(waiting)) end(waiter, undefined)
    },
    someWait: () => {
      for (const { armed } of waiting) if (armed) return true
      return false
    },
    reserve,
  }
}

// The runs of one commit that go to claims which wait: the commit claims them at once, so the claims need no commit of
// their own.

export interface HandOver<X> {
  /** Whether claims wait, so that a run may be handed over. */
  readonly hands: boolean
  /** Claims a runnable run of the store for a waiting claim that accepts it; undefined when there is none. `project`: the limit of its project. */
  readonly offer: (run: StoredRun, project?: string) => Transition | undefined
  /**
   * Does so for new runs, the best first: a run that a claim gets is added in its state after the claim. `stored` takes the keys
   * of the runs, in the same order. `placeOf`: the limit of the project of a run, by how many others are handed over here;
   * undefined where it has no room, and null where there is none.
   */
  readonly offerNew: (
    runs: ReadonlyArray<AddedRun>,
    placeOf: (state: RunState, others: number) => string | null | undefined,
  ) => {
    readonly runs: ReadonlyArray<AddedRun>
    readonly stored: (keys: ReadonlyArray<RunKey>) => void
  }
  /** Reads what the claims get besides the states of their runs. */
  readonly read: () => Effect.Effect<void, X>
  /** Passes the runs to their claims, once the commit has succeeded. */
  readonly deliver: Effect.Effect<void>
  /** Lets the claims look again, when the commit has failed. */
  readonly undo: () => void
}

/** Hands nothing over. */
export const noHandOver: HandOver<never> = {
  hands: false,
  offer: () => undefined,
  offerNew: (runs) => ({ runs, stored: () => {} }),
  read: () => Effect.void,
  deliver: Effect.void,
  undo: () => {},
}

/** A run that a waiting claim gets. A new run has its key and its details only once it is stored. */
interface HandedRun {
  readonly claimed: Transition
  readonly queuedMillis: number
  key: RunKey
  details: ClaimDetails | undefined
}

/** The executor owns what it gets. */
const copyOf = (snapshot: RequestSnapshot): RequestSnapshot =>
  JSON.parse(JSON.stringify(snapshot)) as RequestSnapshot

const priorityOf = ({ run }: AddedRun): number => run.state.spec.priority

const toStored = ({ claimed, key }: HandedRun): StoredRun => ({ key, state: claimed.state })

/** What a claim gets: the best run first. */
const handedRuns = (handed: ReadonlyArray<HandedRun>, since: bigint): HandedRuns => {
  const runs: Array<ClaimedRun> = []
  const withheld: Array<ClaimedRunRef> = []
  const sorted = handed.toSorted((a, b) => byPreference(toStored(a), toStored(b)))
  for (const { claimed, details, queuedMillis } of sorted) {
    const { state } = claimed
    if (details === undefined) {
      withheld.push({ leaseEpoch: state.leaseEpoch, runId: state.spec.runId })
      continue
    }
    StoreMetrics.pickUp.add(queuedMillis / 1000)
    runs.push(toClaimed(state, details.details, forExecutor(details.snapshot), queuedMillis))
  }
  return { runs, withheld, since }
}

/** `now` is the instant of the commit, and `since` the monotonic time in nanoseconds before it. */
export const handOver = <X>(
  claims: WaitingClaims,
  rows: RunRows<X>,
  { now, since }: { readonly now: number; readonly since: bigint },
): HandOver<X> => {
  const reservation = claims.reserve()
  const byClaim = new Map<WaitingClaim, Array<HandedRun>>()
  let unread: Array<HandedRun> = []

  const hand = (key: RunKey, state: RunState, project: string | undefined): HandedRun | undefined => {
    const claim = isClaimable(state, now)
      ? reservation.take({ ...state.spec, version: state.version })
      : undefined
    if (claim === undefined) return undefined
    const handed = {
      claimed: RunTransitions.claim(state, claim.request, now, project),
      queuedMillis: Math.max(0, now - runnableSince(state, now)),
      key,
      details: undefined,
    }
    const others = byClaim.get(claim)
    if (others === undefined) byClaim.set(claim, [handed])
    else others.push(handed)
    return handed
  }

  return {
    hands: true,
    offer: ({ key, state }, project) => {
      const handed = hand(key, state, project)
      if (handed !== undefined) unread.push(handed)
      return handed?.claimed
    },
    offerNew: (runs, placeOf) => {
      const handed = new Map<AddedRun, HandedRun>()
      const others = new Map<string, number>()
      for (const added of runs.toSorted((a, b) => priorityOf(b) - priorityOf(a))) {
        const { state } = added.run
        const count = others.get(state.spec.projectId) ?? 0
        const project = placeOf(state, count)
        const handedRun = project === undefined ? undefined : hand(0, state, project ?? undefined)
        if (handedRun === undefined) continue
        handed.set(added, handedRun)
        others.set(state.spec.projectId, count + 1)
      }
      return {
        runs: runs.map((added) => {
          const made = handed.get(added)?.claimed
          if (made === undefined) return added
          // The log of a new run may have a beginning.
          const entries = [...added.made.entries, ...made.entries]
          return { ...added, run: { ...added.run, state: made.state }, made: { ...made, entries } }
        }),
        stored: (keys) => {
          for (const [index, added] of runs.entries()) {
            const handedRun = handed.get(added)
            if (handedRun === undefined) continue
            const { has, run } = added
            handedRun.key = keys[index]!
            handedRun.details = {
              details: has?.session === undefined ? run.details : { ...run.details, session: has.session },
              snapshot: copyOf(has?.resume?.snapshot ?? run.snapshot),
            }
          }
        },
      }
    },
    read: () => {
      const reading = unread
      unread = []
      if (reading.length === 0) return Effect.void
      const runs = reading.map(toStored)
      const sessions = runs.some(({ state }) => mayHaveSession(state))
      return Effect.map(rows.claimDetails(runs, sessions ? "claimed with session" : "claimed"), (details) => {
        for (const handed of reading) handed.details = details.get(handed.key)
      })
    },
    deliver: Effect.gen(function* () {
      for (const [claim, handed] of byClaim) yield* claim.give(handedRuns(handed, since))
    }),
    undo: reservation.undo,
  }
}
