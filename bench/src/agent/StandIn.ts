/** The stand-in for a model, in a process of its own that all systems share. */
import { Effect } from "effect"
import * as Child from "../Child.js"
import type { Asked, Calls, Plan } from "../model.js"

export interface StandIn {
  /** The URL for a system of this name. */
  readonly urlOf: (name: string) => string
  /** How it answers a system from now on. */
  readonly plan: (plan: Plan) => Effect.Effect<unknown>
  /** What a system has asked for since its plan. */
  readonly asked: (name: string) => Effect.Effect<Asked>
  /** The 99th percentile of how late it was since the last call, in milliseconds. */
  readonly lateness: Effect.Effect<number>
}

/** Starts it. The Scope kills it. */
export const start = Effect.gen(function* () {
  const child = yield* Child.start<string, Calls>("model.ts", null)
  // A child takes one call at a time.
  const { withPermits } = yield* Effect.makeSemaphore(1)
  const alone = withPermits(1)
  return {
    urlOf: (name) => `${child.ready}/${name}`,
    plan: (plan) => alone(child.call("plan", plan)),
    asked: (name) => alone(child.call("asked", name)),
    lateness: alone(child.call("lateness")),
  } satisfies StandIn
})
