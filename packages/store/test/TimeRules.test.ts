import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Duration, Effect, Either, FastCheck } from "effect"
import type { TimeLimits } from "@runlease/core/TimeLimits"
import type { RunState } from "../src/rules/RunState.js"

import * as RunTransitions from "../src/rules/RunTransitions.js"
import * as TimeRules from "../src/rules/TimeRules.js"
import { isClaimable } from "../src/rules/Transition.js"
import * as WaitTransitions from "../src/rules/WaitTransitions.js"
import { spec, workerId } from "./runSpec.js"

const fence = { workerId, epoch: null }

const submitted = (timeLimits: TimeLimits | null, start: Partial<RunTransitions.Start> = {}): RunState =>
  RunTransitions.submit(
    { ...spec, lane: null, maxAttempts: 100, timeLimits },
    { driven: false, behind: false, availableAt: 1000, ...start },
    1000,
  ).state

const claim = (state: RunState, now: number, leaseMillis = 5000): RunState =>
  RunTransitions.claim(state, { workerId, claimId: null, version: "", leaseMillis }, now).state

const standing = ({ error, status }: RunState) => [status, error?.code]

describe("the limits of time of a run", () => {
  it.effect("end it exactly when `dueAt` says so, and never before", () =>
    Effect.sync(() => {
      const states: ReadonlyArray<readonly [RunState, number, ReadonlyArray<unknown>]> = [
        [submitted({ ttlSeconds: 2 }), 3000, ["cancelled", "EXPIRED"]],
        [submitted({ ttlSeconds: 2 }, { behind: true }), 3000, ["cancelled", "EXPIRED"]],
        [claim(submitted({ timeoutSeconds: 2 }), 1500), 3500, ["failed", "TIMEOUT"]],
        // Where the work is over with the lease, the timeout ends the run.
        [claim(submitted({ timeoutSeconds: 2 }), 1500, 2000), 3500, ["failed", "TIMEOUT"]],
        [claim(submitted({ timeoutSeconds: 2 }), 1500, 1999), 3499, ["pending", undefined]],
      ]
      for (const [state, at, expected] of states) {
        strictEqual(RunTransitions.dueAt(state), at)
        strictEqual(RunTransitions.due(state, at - 1), undefined)
        deepStrictEqual(standing(RunTransitions.due(state, at)!.state), expected)
      }
    }),
  )

  it.effect("leave the end of a delay before the ttl counts", () =>
    Effect.sync(() => {
      const delayed = submitted({ ttlSeconds: 2 }, { availableAt: 9000 })
      strictEqual(RunTransitions.dueAt(delayed), 9000)
      const pending = RunTransitions.due(delayed, 9000)!.state
      deepStrictEqual([pending.status, RunTransitions.dueAt(pending)], ["pending", 11_000])
      // A sweep that comes late finds it cancelled at once.
      deepStrictEqual(standing(RunTransitions.due(delayed, 11_000)!.state), ["cancelled", "EXPIRED"])
    }),
  )

  it.effect("let no claim take a run whose time for a start is over, before a sweep has seen it", () =>
    Effect.sync(() => {
      const state = submitted({ ttlSeconds: 2 })
      deepStrictEqual([isClaimable(state, 2999), isClaimable(state, 3000)], [true, false])
      const again = Either.getOrThrow(RunTransitions.release(claim(state, 2999), fence, {}, 2999)).state
      strictEqual(isClaimable(again, 60_000), true)
    }),
  )

  it.effect(
    "fail a run that its holder hands back or suspends after its time, and let the holder end it",
    () =>
      Effect.sync(() => {
        const late = claim(submitted({ timeoutSeconds: 2 }), 1000)
        const given = [
          RunTransitions.release(late, fence, {}, 3000),
          RunTransitions.release(late, fence, { countAttempt: true, delay: Duration.minutes(1) }, 3000),
          WaitTransitions.suspend(late, fence, { wakeAfter: 0 }, 3000),
        ]
        for (const each of given) {
          deepStrictEqual(standing(Either.getOrThrow(each).state), ["failed", "TIMEOUT"])
        }
        const ended = Either.getOrThrow(RunTransitions.end(late, fence, { status: "completed" }, 3000)).state
        deepStrictEqual(standing(ended), ["completed", undefined])
      }),
  )

  it.effect("count nothing of a run without a timeout", () =>
    Effect.sync(() => {
      const state = claim(submitted(null), 1000)
      const released = Either.getOrThrow(RunTransitions.release(state, fence, {}, 2000)).state
      deepStrictEqual([state.workedMillis, released.workedMillis], [null, null])
    }),
  )

  it.effect("add up the work of any claims, however they end", () =>
    Effect.sync(() => {
      const step = FastCheck.record({
        idle: FastCheck.nat(100_000),
        work: FastCheck.nat(9000),
        end: FastCheck.constantFrom("release" as const, "suspend" as const, "lapse" as const),
      })
      FastCheck.assert(
        FastCheck.property(FastCheck.array(step, { maxLength: 12 }), (steps) => {
          let state = submitted({ timeoutSeconds: 30 })
          let now = 1000
          let worked = 0
          for (const { end, idle, work } of steps) {
            now += idle
            state = claim(state, now)
            strictEqual(TimeRules.timeoutAt(state), now + 30_000 - worked)
            // A lease of 5 seconds that is not renewed.
            const done = end === "lapse" ? 5000 : Math.min(work, 4999)
            now += done
            worked += done
            const after =
              end === "release"
                ? Either.getOrThrow(RunTransitions.release(state, fence, {}, now))
                : end === "suspend"
                  ? Either.getOrThrow(WaitTransitions.suspend(state, fence, { wakeAfter: 0 }, now))
                  : RunTransitions.due(state, now)!
            if (worked >= 30_000) return deepStrictEqual(standing(after.state), ["failed", "TIMEOUT"])
            strictEqual(after.state.workedMillis, worked)
            state =
              after.state.status === "waiting" ? RunTransitions.due(after.state, now)!.state : after.state
            strictEqual(state.status, "pending")
          }
        }),
      )
    }),
  )
})
