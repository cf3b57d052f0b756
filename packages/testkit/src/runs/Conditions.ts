/** Runs suite: lists by several values of one condition, by what an outcome has, and the oldest first. */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { found } from "./Pages.js"

const agents = (...names: ReadonlyArray<string>) => names.map((name) => Ids.AgentId.make(name))

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a list has the runs with one of the values of each condition, in either order",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const failed = yield* TestRuns.hold(worker, { publicId: "failed", agentId: "a" })
      const error = { code: "TIMEOUT", message: "It took too long" }
      yield* runs.complete(failed.runId, { status: "failed", error }, TestRuns.leaseOf(failed))
      const gold = yield* TestRuns.hold(worker, { publicId: "gold", agentId: "b" })
      const metadata = { customer: { plan: "gold" }, text: "x".repeat(1000) }
      yield* runs.complete(gold.runId, { status: "completed", metadata }, TestRuns.leaseOf(gold))
      yield* TestRuns.hold(worker, { publicId: "running", agentId: "c" })
      yield* TestRuns.submit({ publicId: "pending", agentId: "a", labels: { team: "x" } })

      deepStrictEqual(yield* found({ status: ["pending", "running"] }), ["pending", "running"])
      deepStrictEqual(yield* found({ status: ["failed", "completed", "pending"] }), [
        "pending",
        "gold",
        "failed",
      ])
      deepStrictEqual(yield* found({ status: ["failed"] }), ["failed"])
      deepStrictEqual(yield* found({ agentId: agents("a", "c") }), ["pending", "running", "failed"])
      deepStrictEqual(yield* found({ agentId: agents("a", "c"), status: ["failed", "running"] }), [
        "running",
        "failed",
      ])
      deepStrictEqual(yield* found({ oldestFirst: true }), ["failed", "gold", "running", "pending"])
      deepStrictEqual(yield* found({ oldestFirst: true, agentId: agents("a") }), ["failed", "pending"])
      deepStrictEqual(yield* found({ errorCode: ["TIMEOUT", "broken"] }), ["failed"])
      deepStrictEqual(yield* found({ errorCode: "broken" }), [])
      deepStrictEqual(yield* found({ metadata: { "customer.plan": ["gold", "free"] } }), ["gold"])
      deepStrictEqual(yield* found({ metadata: { "customer.plan": "free" } }), [])
      deepStrictEqual(yield* found({ labels: { team: "x" }, status: ["pending", "running"] }), ["pending"])
      const whole = (yield* runs.list({ metadata: { "customer.plan": "gold" } })).items[0]
      deepStrictEqual(whole, yield* TestRuns.getRun(gold.runId))
    }),
  )

  test(
    "a list without the runs that others have spawned has retries, and no children",
    Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* TestRuns.submit({ publicId: "first" })
      yield* runs.cancel(first.runId)
      yield* runs.retry(first.runId, { publicId: "again" })
      deepStrictEqual(yield* found({ roots: true }), ["again", "first"])
      deepStrictEqual(yield* found({ roots: true, oldestFirst: true }), ["first", "again"])
    }),
  )
}
