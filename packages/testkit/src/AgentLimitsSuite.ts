/** What every store must do about limits of agents, besides those of keys. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits } from "@runlease/core/Limits"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer } from "effect"
import { onlyRunning } from "./LimitCounting.js"
import * as TestRuns from "./TestRuns.js"

/** A submission of key `key`. */
const submit = (publicId: string, concurrencyLimit: number) =>
  TestRuns.submit({ publicId, concurrencyKey: "key", concurrencyLimit })

const idsOf = (runs: ReadonlyArray<ClaimedRun>) => runs.map(({ runId }) => runId)

const ofKey = (key: string) => ({ kind: "concurrency_key" as const, name: null, key })
const ofAgent = (key: string) => ({ kind: "agent" as const, name: null, key })

const limits = Effect.flatMap(Limits, ({ list }) => Effect.map(list(), ({ items }) => items))

/**
 * Declares the tests of limits of agents.
 *
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Limits of agents (${name})`, () => {
    test(
      "a limit bounds the runs of an agent that work at once, also of those that were there before, and others are not in their way",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { setAgent } = yield* Limits
        for (const publicId of ["1", "2", "3", "4"]) yield* TestRuns.submit({ publicId, agentId: "limited" })
        const [first] = yield* TestRuns.claim(worker, { limit: 1 })
        const usage = {
          ...ofAgent("limited"),
          ...onlyRunning(3),
          maxRunning: 2,
          paused: false,
          running: 1,
          open: 1,
          waiting: 2,
        }
        deepStrictEqual(yield* setAgent(Ids.AgentId.make("limited"), 2), usage)
        yield* TestRuns.submit({ publicId: "5", agentId: "limited" })
        yield* TestRuns.submit({ publicId: "other", agentId: "other" })
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["2", "other"])
        yield* TestRuns.complete(first!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["3"])
        deepStrictEqual(yield* setAgent(Ids.AgentId.make("limited"), null), {
          ...usage,
          ...onlyRunning(2),
          maxRunning: null,
          running: 2,
          open: 2,
          waiting: 0,
        })
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["4", "5"])
      }),
    )

    test(
      "a paused agent starts no run, new ones and resumed ones included",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const runs = yield* Runs
        const leases = yield* Leases
        const { pause, resume } = yield* Limits
        const waits = yield* TestRuns.hold(worker, { publicId: "waits", agentId: "paused" })
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        yield* TestRuns.submit({ publicId: "before", agentId: "paused" })
        yield* pause(ofAgent("paused"))
        yield* TestRuns.submit({ publicId: "after", agentId: "paused" })
        yield* runs.resume(waits.runId, TestRuns.resultOf("call", "done"))
        const claim = yield* TestRuns.start(TestRuns.claim(worker, { limit: 10, wait: "500 millis" }))
        yield* TestRuns.submit({ publicId: "while a claim waits", agentId: "paused" })
        deepStrictEqual(yield* TestRuns.joinAdvancing(claim), [])
        yield* resume(ofAgent("paused"))
        const after = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(after), ["waits", "before", "after", "while a claim waits"])
      }),
    )

    test(
      "the next run of a lane waits for a place at the limit of its agent too",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { setAgent } = yield* Limits
        yield* setAgent(Ids.AgentId.make("agent"), 1)
        yield* TestRuns.submit({ publicId: "first", concurrencyKey: "lane" })
        yield* TestRuns.submit({ publicId: "second", concurrencyKey: "lane" })
        const claimed = yield* TestRuns.claimOne(worker)
        strictEqual(claimed.runId, "first")
        yield* TestRuns.submit({ publicId: "no lane", concurrencyKey: null, priority: 1 })
        yield* TestRuns.complete(claimed)
        const other = yield* TestRuns.claimOne(worker)
        strictEqual(other.runId, "no lane")
        deepStrictEqual(yield* limits, [
          {
            ...ofAgent("agent"),
            ...onlyRunning(1),
            maxRunning: 1,
            paused: false,
            running: 1,
            open: 0,
            waiting: 1,
          },
        ])
        yield* TestRuns.complete(other)
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "second")
      }),
    )

    test(
      "a run keeps the place at its key while it waits for one at its agent",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { setAgent } = yield* Limits
        const runs = yield* Runs
        yield* setAgent(Ids.AgentId.make("agent"), 1)
        yield* TestRuns.submit({ publicId: "alone", concurrencyKey: null })
        yield* submit("1", 1)
        yield* submit("2", 1)
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["alone"])
        deepStrictEqual(yield* limits, [
          {
            ...ofKey("key"),
            ...onlyRunning(2),
            maxRunning: 1,
            paused: false,
            running: 0,
            open: 1,
            waiting: 1,
          },
          {
            ...ofAgent("agent"),
            ...onlyRunning(2),
            maxRunning: 1,
            paused: false,
            running: 1,
            open: 0,
            waiting: 1,
          },
        ])
        const [first] = yield* Effect.map(runs.list({ limit: 10 }), ({ items }) =>
          items.filter(({ runId }) => runId === "1"),
        )
        yield* runs.cancel(first!.runId)
        yield* TestRuns.complete(claimed[0]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["2"])
      }),
    )
  })
}
