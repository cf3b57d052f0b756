/**
 * The runs of one commit that go to claims which wait: the commit claims them at once, so the claims need no commit of
 * their own.
 *
 * Source: docs/decisions/0050-a-commit-hands-its-runs-to-waiting-claims.md
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { forExecutor, type RequestSnapshot } from "../../model/RequestSnapshot.js"
import type { ClaimedRun } from "../../model/Run.js"
import { runnableSince } from "../../rules/Counters.js"
import { type RunState, toClaimed } from "../../rules/RunState.js"
import { isClaimable, mayHaveSession, type Transition } from "../../rules/Transition.js"
import * as ClaimTransitions from "../../rules/ClaimTransitions.js"
import {
  byPreference,
  type ClaimDetails,
  type DetailChanges,
  type HeldRun,
  type NewRun,
  type RunKey,
  type RunRows,
  type StoredRun,
} from "../rows/RunRows.js"
import * as StoreMetrics from "./StoreMetrics.js"
import type { WaitingClaim, WaitingClaims } from "./WaitingClaims.js"

/** A new run, with the transition that made it, and what it has of another run. */
export interface AddedRun {
  readonly run: NewRun
  readonly made: Transition
  readonly has?: Pick<DetailChanges, "resume" | "session"> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface HandOver<X> {
  /** Whether claims wait, so that a run may be handed over. */
  readonly hands: boolean
  /** Claims a runnable run of the store for a waiting claim that accepts it; undefined when there is none. `project`: the limit of its project. */
  readonly offer: (run: StoredRun, project?: string) => Transition | undefined
  /**
   * Does so for new runs, the best first: a run that a claim gets is added in its state after the claim. `stored` takes the keys
   * of the runs, in the same order. `placeOf`: the limit of the project of a run, beside how many others are handed over here;
   * undefined where it has no room, and null where there is none.
   */
  readonly offerNew: (
    runs: ReadonlyArray<AddedRun>,
    placeOf: (state: RunState, others: number) => string | null | undefined,
  ) => {
    readonly runs: ReadonlyArray<AddedRun>
    readonly stored: (keys: ReadonlyArray<RunKey>) => void
  }
  /** Reads what the claims get beside the states of their runs. */
  readonly read: Effect.Effect<void, X>
  /** Gives the runs to their claims, once the commit has succeeded. */
  readonly deliver: Effect.Effect<void>
  /** Lets the claims look again, when the commit has failed. */
  readonly undo: () => void
}

/** Hands nothing over.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: HandOver<never> = {
  hands: false,
  offer: () => undefined,
  offerNew: (runs) => ({ runs, stored: () => {} }),
  read: Effect.void,
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

const toRuns = (handed: ReadonlyArray<HandedRun>): ReadonlyArray<ClaimedRun> =>
  handed
    .toSorted((a, b) => byPreference(toStored(a), toStored(b)))
    .flatMap(({ claimed, details, queuedMillis }) => {
      if (details === undefined) return []
      StoreMetrics.pickUp.add(queuedMillis / 1000)
      return [toClaimed(claimed.state, details.details, forExecutor(details.snapshot), queuedMillis)]
    })

const toWithheld = (handed: ReadonlyArray<HandedRun>): ReadonlyArray<HeldRun> =>
  handed.flatMap(({ claimed: { state }, details }) =>
    details === undefined ? [{ leaseEpoch: state.leaseEpoch, runId: state.spec.runId }] : [],
  )

/**
 * `now` is the instant of the commit, and `since` the monotonic time in nanoseconds before it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  claims: WaitingClaims,
  rows: RunRows<X>,
  { now, since }: { readonly now: number; readonly since: bigint },
): HandOver<X> => {
  const taking = claims.taking()
  const byClaim = new Map<WaitingClaim, Array<HandedRun>>()
  let unread: Array<HandedRun> = []

  const hand = (key: RunKey, state: RunState, project: string | undefined): HandedRun | undefined => {
    const claim = isClaimable(state, now) ? taking.take(state.spec) : undefined
    if (claim === undefined) return undefined
    const handed = {
      claimed: ClaimTransitions.claim(state, claim.request, now, project),
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
        const given = project === undefined ? undefined : hand(0, state, project ?? undefined)
        if (given === undefined) continue
        handed.set(added, given)
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
            const given = handed.get(added)
            if (given === undefined) continue
            const { has, run } = added
            given.key = keys[index]!
            given.details = {
              details: has?.session === undefined ? run.details : { ...run.details, session: has.session },
              snapshot: copyOf(has?.resume?.snapshot ?? run.snapshot),
            }
          }
        },
      }
    },
    read: Effect.suspend(() => {
      const reading = unread
      unread = []
      if (reading.length === 0) return Effect.void
      const runs = reading.map(toStored)
      const sessions = runs.some(({ state }) => mayHaveSession(state))
      return Effect.map(rows.claimDetails(runs, sessions), (details) => {
        for (const handed of reading) handed.details = details.get(handed.key)
      })
    }),
    deliver: Effect.suspend(() =>
      Effect.forEach(
        byClaim,
        ([claim, handed]) => claim.give({ runs: toRuns(handed), withheld: toWithheld(handed), since }),
        {
          discard: true,
        },
      ),
    ),
    undo: taking.undo,
  }
}
