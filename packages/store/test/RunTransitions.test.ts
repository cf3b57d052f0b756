/** What the suites of the stores do not show of the transitions: that they are pure, and their order of checks. */
import { assertLeft, assertRight, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { ClaimId, WorkerId } from "@runlease/core/Ids"
import { LeaseEpoch } from "@runlease/core/Run"
import * as Transition from "../src/rules/Transition.js"
import * as LogState from "@runlease/core/LogState"
import type { RunState } from "../src/rules/RunState.js"

import * as RunTransitions from "../src/rules/RunTransitions.js"
import * as WaitTransitions from "../src/rules/WaitTransitions.js"
import { spec, uuid, workerId } from "./runSpec.js"

const submitted = (start: Partial<RunTransitions.Start> = {}, now = 1000) =>
  RunTransitions.submit(spec, { driven: false, behind: false, availableAt: now, ...start }, now)

const claimId = ClaimId.make(uuid(5))
const claimed = (now = 1000) =>
  RunTransitions.claim(submitted().state, { workerId, claimId, version: "", leaseMillis: 5000 }, now).state

const fence = { workerId, epoch: LeaseEpoch.make(1) }
const tags = (consequences: ReadonlyArray<{ readonly _tag: string }>) => consequences.map(({ _tag }) => _tag)
const types = ({
  entries,
}: {
  readonly entries: ReadonlyArray<{ readonly event: { readonly type: string } }>
}) => entries.map(({ event }) => event.type)

/** Freezes a state with all that is in it, so that a transition that changes it throws. */
const frozen = (state: RunState): RunState => {
  const freeze = (value: unknown): void => {
    if (typeof value !== "object" || value === null || Object.isFrozen(value)) return
    Object.freeze(value)
    Object.values(value).forEach(freeze)
  }
  freeze(state)
  return state
}

describe("the transitions of a run", () => {
  it.effect("leave the state that they are given as it is", () =>
    Effect.sync(() => {
      const state = frozen(claimed())
      Either.getOrThrow(RunTransitions.renew(state, fence, 5000, 2000))
      Either.getOrThrow(RunTransitions.release(state, fence, {}, 2000))
      Either.getOrThrow(RunTransitions.end(state, fence, { status: "completed" }, 2000))
      RunTransitions.append(state, [{ event: { type: "CUSTOM" }, text: "{}" }], 2000)
      assertTrue(RunTransitions.due(state, 6000) !== undefined)
      strictEqual(state.latestEventId, 1)
    }),
  )

  it.effect("are due exactly when `dueAt` says so", () =>
    Effect.sync(() => {
      const delayed = submitted({ availableAt: 3000 }).state
      for (const state of [delayed, claimed()]) {
        const at = RunTransitions.dueAt(state)!
        strictEqual(RunTransitions.due(state, at - 1), undefined)
        assertTrue(RunTransitions.due(state, at) !== undefined)
      }
      strictEqual(RunTransitions.dueAt(submitted().state), null)
      strictEqual(RunTransitions.dueAt(submitted({ driven: true }).state), null)
    }),
  )

  it.effect("free a lane only at the end of its first run", () =>
    Effect.sync(() => {
      const behind = submitted({ behind: true }).state
      const end = (state: RunState) =>
        Either.getOrThrow(RunTransitions.end(state, undefined, { status: "cancelled" }, 2000))
      deepStrictEqual(tags(end(submitted().state).consequences), ["LaneFreed"])
      deepStrictEqual(tags(end(behind).consequences), [])
      deepStrictEqual(tags(end(claimed()).consequences), ["Signalled", "LaneFreed"])
      const advanced = RunTransitions.advance(behind, 2000, true)!
      deepStrictEqual(tags(advanced.consequences), ["Runnable"])
      strictEqual(RunTransitions.advance(advanced.state, 2000, true), undefined)
      strictEqual(RunTransitions.advance(end(behind).state, 2000, true), undefined)
    }),
  )

  it.effect(
    "count how often and how evenly a lease is renewed, and give the record when the claim ends",
    () =>
      Effect.sync(() => {
        const renewedAt = (state: RunState, now: number) =>
          Either.getOrThrow(RunTransitions.renew(state, fence, 1000, now)).state
        const renewed = renewedAt(renewedAt(claimed(500), 700), 800)
        const holder = renewed.holder!
        const { claimedAt, longestGap, renewals, renewedAt: last } = holder
        deepStrictEqual(
          { claimedAt, longestGap, renewals, last },
          { claimedAt: 500, longestGap: 200, renewals: 2, last: 800 },
        )
        const { consequences } = Either.getOrThrow(RunTransitions.release(renewed, fence, {}, 900))
        const ended = consequences.find(({ _tag }) => _tag === "ClaimEnded")
        deepStrictEqual(ended, {
          _tag: "ClaimEnded",
          claim: {
            holder,
            attempt: 1,
            leaseEpoch: renewed.leaseEpoch,
            ended: "released",
            endedAt: 900,
          },
        })
      }),
  )

  it.effect("do not make a run late when the wall clock is set back after its submission", () =>
    Effect.sync(() => {
      deepStrictEqual(tags(submitted({ availableAt: 1000 }, 500).consequences), ["Runnable"])
      const released = Either.getOrThrow(RunTransitions.release(claimed(500), fence, {}, 600))
      strictEqual(released.state.availableAt, 600)
      deepStrictEqual(tags(released.consequences), ["Runnable", "ClaimEnded"])
    }),
  )

  it.effect("tell the last holder how the run ended, unless its lease had lapsed before", () =>
    Effect.sync(() => {
      const endedAt = (now: number) =>
        Either.getOrThrow(RunTransitions.end(claimed(), undefined, { status: "completed" }, now)).state
      assertLeft(
        Either.mapLeft(Transition.checkFence(endedAt(5999), fence, 9000), ({ _tag }) => _tag),
        "RunEnded",
      )
      assertLeft(
        Either.mapLeft(Transition.checkFence(endedAt(6000), fence, 9000), ({ _tag }) => _tag),
        "LeaseLost",
      )
    }),
  )

  it.effect("leave of the log of a run that has ended what it was at first, which stores do not write", () =>
    Effect.sync(() => {
      const ended = RunTransitions.end(claimed(), fence, { status: "completed" }, 2000)
      assertTrue(Either.isRight(ended))
      strictEqual(ended.right.state.log, LogState.initial)
    }),
  )

  it.effect("check the fence before anything else", () =>
    Effect.sync(() => {
      const other = { workerId: WorkerId.make(uuid(9)), epoch: null }
      const waiting = Either.getOrThrow(
        WaitTransitions.suspend(
          claimed(),
          fence,
          { interrupts: [{ id: "question", reason: "confirmation" }] },
          2000,
        ),
      ).state
      const admits = (state: RunState, of?: typeof other) =>
        Either.mapLeft(Transition.admits(state, of, 2000), ({ _tag }) => _tag)
      assertLeft(admits(waiting, other), "LeaseLost")
      assertLeft(admits(waiting), "RunWaiting")
      assertRight(admits(claimed()), undefined)
    }),
  )

  it.effect("hand an abandoned claim back, unless a repeat has given its run", () =>
    Effect.sync(() => {
      strictEqual(RunTransitions.abandonClaim(claimed(), fence, 1000)?.state.attempt, 0)
      const again = RunTransitions.claimAgain(
        claimed(),
        { workerId, claimId, version: "", leaseMillis: 10 },
        1000,
      )!
      strictEqual(again.state.holder?.expiresAt, 6000)
      strictEqual(again.state.leaseEpoch, 1)
      strictEqual(RunTransitions.abandonClaim(again.state, fence, 1000), undefined)
      // All of it within a millisecond, so that the lease ends when that of the first answer would.
      const renewed = Either.getOrThrow(RunTransitions.renew(again.state, fence, 5000, 1000)).state
      strictEqual(renewed.holder?.expiresAt, 6000)
      strictEqual(RunTransitions.abandonClaim(renewed, fence, 1000), undefined)
    }),
  )

  it.effect("open a log with the first events of a run without a claim", () =>
    Effect.sync(() => {
      const appended = RunTransitions.append(
        submitted().state,
        [{ event: { type: "CUSTOM" }, text: '{"type":"CUSTOM"}' }],
        2000,
      )
      deepStrictEqual(types(appended), ["RUN_STARTED", "CUSTOM"])
      deepStrictEqual(
        appended.entries.map(({ eventId, sequence }) => [eventId, sequence]),
        [
          [1, null],
          [2, 1],
        ],
      )
    }),
  )
})
