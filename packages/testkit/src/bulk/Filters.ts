/** Bulk suite: filters with several values of one condition, and with what an outcome has. */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { NewBulk } from "@runlease/core/BulkOperations"
import { BulkOperations } from "@runlease/core/BulkOperations"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const { agent, allDone, countsOf, run, statuses, submit } = TestBulk

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "finds runs with one of the values of each condition, and stores the filter",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      yield* submit(300, { agentId: "a" })
      yield* submit(300, { agentId: "b" })
      yield* submit(5, { agentId: "c" })
      const filter = { status: ["pending", "waiting"] as const, agentId: [agent("a"), agent("b")] }
      const cancelled = yield* run({ action: "cancel", filter })
      deepStrictEqual(countsOf(cancelled), allDone(600))
      deepStrictEqual((yield* bulks.get(cancelled.id)).filter, filter)
      deepStrictEqual(yield* statuses, { pending: 5, cancelled: 600 })
      yield* TestBulk.submitFailed(3, { agentId: "d" })
      const retried = yield* run({
        action: "retry",
        filter: { status: ["failed", "completed"], agentId: [agent("d")] },
      })
      deepStrictEqual(countsOf(retried), allDone(3))
    }),
  )

  test(
    "finds runs by the metadata of their outcomes",
    Effect.gen(function* () {
      const [runs, worker] = [yield* Runs, yield* TestRuns.register()]
      for (const plan of ["gold", "free", "gold"]) {
        const claimed = yield* TestRuns.hold(worker)
        const metadata = { customer: { plan } }
        yield* runs.complete(claimed.runId, { status: "completed", metadata }, TestRuns.leaseOf(claimed))
      }
      yield* submit(300)
      const label = (filter: NewBulk["filter"]) =>
        Effect.map(run({ action: "label", filter, labels: { team: "x" } }), countsOf)
      deepStrictEqual(yield* label({ metadata: { "customer.plan": "gold" } }), allDone(2))
      deepStrictEqual(yield* label({ metadata: { "customer.plan": ["none"] } }), allDone(0))
      deepStrictEqual((yield* runs.list({ labels: { team: "x" } })).items.length, 2)
    }),
  )

  test(
    "refuses a condition without values, with too many, and with a path that is none",
    Effect.gen(function* () {
      const bulks = yield* BulkOperations
      const fieldOf = (filter: NewBulk["filter"]) =>
        Effect.map(Effect.flip(bulks.create({ action: "cancel", filter })), (error) =>
          error._tag === "InvalidBulk" ? error.field : error._tag,
        )
      const codes = Array.from({ length: 21 }, (_, index) => `c${index}`)
      deepStrictEqual(yield* fieldOf({ metadata: {} }), "filter")
      deepStrictEqual(yield* fieldOf({ status: [] }), "filter.status")
      deepStrictEqual(yield* fieldOf({ errorCode: codes }), "filter.errorCode")
      deepStrictEqual(yield* fieldOf({ metadata: { "a..b": "x" } }), "filter.metadata.a..b")
      const paths = Object.fromEntries(codes.map((code) => [code, "x"]))
      deepStrictEqual(yield* fieldOf({ metadata: paths }), "filter.metadata")
    }),
  )
}
