/** Leases suite: circles of runs that wait for children in each other's lanes. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Pause, Leases, type Suspension } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import { spawn, statusOf, wait } from "./Children.js"

/** Claimed runs, each in its own lane with a child in the lane of the next one, behind it. */
const ring = (count: number) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    const lane = (index: number) => `lane-${index % count}`
    const runs = yield* Effect.forEach(Array.from({ length: count }), (_, index) =>
      TestRuns.hold(worker, { concurrencyKey: lane(index) }),
    )
    const children = yield* Effect.forEach(runs, (run, index) =>
      spawn(TestRuns.leaseOf(run), "child", { concurrencyKey: lane(index + 1) }),
    )
    return { worker, runs, children }
  })

/** A run in lane one with a child in none, whose child is behind another run in lane two, whose child is behind the first. */
const deepRing = Effect.gen(function* () {
  const worker = yield* TestRuns.register()
  const top = yield* TestRuns.hold(worker, { concurrencyKey: "one" })
  const other = yield* TestRuns.hold(worker, { concurrencyKey: "two" })
  yield* spawn(TestRuns.leaseOf(top), "middle")
  const middle = yield* TestRuns.claimOne(worker)
  yield* spawn(TestRuns.leaseOf(middle), "below", { concurrencyKey: "two" })
  yield* spawn(TestRuns.leaseOf(other), "across", { concurrencyKey: "one" })
  return { worker, top, middle, other }
})

const errorOf = ({ runId }: Pick<ClaimedRun, "runId">) =>
  Effect.map(TestRuns.getRun(runId), ({ error }) => error?.code ?? null)

const suspend = (run: ClaimedRun, suspension: Suspension | Pause) =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(run), suspension))

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  for (const count of [2, 3]) {
    test(
      `of ${count} runs that wait for children behind each other, the one fails whose wait closes the circle`,
      Effect.gen(function* () {
        const { children, runs, worker } = yield* ring(count)
        const last = runs.at(-1)!
        for (const run of runs.slice(0, -1)) {
          yield* wait(run, [0])
          strictEqual(yield* statusOf(run.runId), "waiting")
        }
        yield* wait(last, [0])
        const { error, status } = yield* TestRuns.getRun(last.runId)
        deepStrictEqual([status, error?.code], ["failed", "child_deadlock"])
        assertTrue(error?.message.includes(`${last.runId} waits for ${children.at(-1)!.runId}`) === true)
        assertTrue(
          error?.message.includes(`${children.at(-1)!.runId} is behind ${runs[0]!.runId} in lane lane-0`) ===
            true,
        )
        strictEqual(yield* statusOf(children.at(-1)!.runId), "cancelled")
        for (const index of runs.slice(0, -1).map((_, at) => count - 2 - at)) {
          const child = yield* TestRuns.claimOne(worker)
          strictEqual(child.runId, children[index]!.runId)
          yield* TestRuns.complete(child)
          const again = yield* TestRuns.claimOne(worker)
          strictEqual(again.runId, runs[index]!.runId)
          yield* TestRuns.complete(again)
        }
      }),
    )

    test(
      `of ${count} runs that close such a circle at once, one fails`,
      Effect.gen(function* () {
        const { runs } = yield* ring(count)
        yield* Effect.forEach(runs, (run) => wait(run, [0]), { concurrency: "unbounded" })
        const errors = yield* Effect.forEach(runs, errorOf)
        deepStrictEqual(
          errors.filter((code) => code !== null),
          ["child_deadlock"],
        )
      }),
    )
  }

  for (const order of [
    ["top", "middle", "other"],
    ["middle", "other", "top"],
    ["other", "top", "middle"],
  ] as const) {
    test(
      `a circle through a run without a lane is found at the wait of the ${order[2]} run`,
      Effect.gen(function* () {
        const { worker: _worker, ...runs } = yield* deepRing
        for (const name of order) {
          strictEqual(yield* errorOf(runs[name]), null)
          yield* wait(runs[name], [0])
        }
        strictEqual(yield* errorOf(runs[order[2]]), "child_deadlock")
      }),
    )
  }

  test(
    "a wait that something else may end closes no circle",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { runs: claimed, worker } = yield* ring(2)
      const [first, second] = [claimed[0]!, claimed[1]!]
      yield* wait(first, [0])
      yield* suspend(second, { children: [[0]], wakeAfter: "5 seconds" })
      deepStrictEqual([yield* errorOf(first), yield* statusOf(second.runId)], [null, "waiting"])
      yield* TestRuns.eventually(statusOf(second.runId), (status) => status === "pending")
      const suspended = yield* TestRuns.claimOne(worker)
      yield* suspend(suspended, { ...TestRuns.forToolCall("call"), children: [[0]] })
      strictEqual(yield* statusOf(second.runId), "waiting")
      yield* runs.resume(second.runId, TestRuns.resultOf("call", "yes"))
      const again = yield* TestRuns.claimOne(worker)
      yield* suspend(again, { children: [[0]], inbox: 0 })
      strictEqual(yield* statusOf(second.runId), "waiting")
      yield* runs.tell(second.runId, { parts: [{ type: "text", text: "go on" }] })
      const resumed = yield* TestRuns.claimOne(worker)
      yield* spawn(TestRuns.leaseOf(resumed), "free")
      yield* wait(resumed, [0], [1])
      strictEqual(yield* statusOf(second.runId), "waiting")
      const free = yield* TestRuns.claimOne(worker)
      yield* TestRuns.complete(free)
      const last = yield* TestRuns.claimOne(worker)
      strictEqual(last.runId, second.runId)
      yield* wait(last, [0, 1])
      strictEqual(yield* errorOf(second), "child_deadlock")
    }),
  )

  test(
    "a run behind one that waits for a person waits with it",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { children, runs: claimed, worker } = yield* ring(2)
      const [first, second] = [claimed[0]!, claimed[1]!]
      yield* suspend(second, TestRuns.forToolCall("call"))
      yield* wait(first, [0])
      strictEqual(yield* statusOf(first.runId), "waiting")
      yield* runs.resume(second.runId, TestRuns.resultOf("call", "yes"))
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      strictEqual((yield* TestRuns.claimOne(worker)).runId, children[0]!.runId)
    }),
  )
}
