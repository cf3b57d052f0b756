/** Bulk suite: operations that move pinned runs from one version of workers to another. */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestBulk from "./TestBulk.js"

const idOf = (version: string) =>
  Effect.flatMap(WorkerRegistry, (registry) =>
    Effect.map(
      registry.register({ implementationKind: "test", workerKey: "worker", version }),
      ({ id }) => id,
    ),
  )

const idsOf = (runs: ReadonlyArray<{ readonly runId: string }>): ReadonlyArray<string> =>
  runs.map(({ runId }) => runId)

const versionsOf = (runIds: ReadonlyArray<Ids.RunId>) =>
  Effect.forEach(runIds, (runId) => Effect.map(TestRuns.getRun(runId), ({ version }) => version))

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a move lets workers of another version have the pinned runs that no worker holds",
    Effect.gen(function* () {
      const leases = yield* Leases
      const [one, two] = [yield* idOf("1"), yield* idOf("2")]
      const pinned = yield* Effect.forEach(["claimed", "waiting", "pending", "ended"], (publicId) =>
        TestRuns.submit({ publicId, versionPolicy: "pinned" }),
      )
      const free = yield* TestRuns.submit({ publicId: "free" })
      const claimed = new Map(
        (yield* TestRuns.claim(one, { limit: 5 })).map((run) => [run.runId as string, run]),
      )
      yield* leases.suspend(TestRuns.leaseOf(claimed.get("waiting")!), TestRuns.forToolCall())
      yield* leases.release(TestRuns.leaseOf(claimed.get("pending")!))
      yield* leases.release(TestRuns.leaseOf(claimed.get("free")!))
      yield* TestRuns.complete(claimed.get("ended")!)
      const runIds = [...pinned, free].map(({ runId }) => runId)
      const counted = yield* TestBulk.run({
        action: "move",
        move: { from: "1", to: "2" },
        runIds,
        dryRun: true,
      })
      const counts = { matched: 5, done: 2, skipped: 2, failed: 1 }
      deepStrictEqual(TestBulk.countsOf(counted), counts)
      deepStrictEqual(yield* versionsOf(runIds), ["1", "1", "1", "1", undefined])
      const moved = yield* TestBulk.run({ action: "move", move: { from: "1", to: "2" }, runIds })
      deepStrictEqual(TestBulk.countsOf(moved), counts)
      deepStrictEqual(
        moved.failures.map(({ code, runId }) => [code, runId as string]),
        [["run_claimed", "claimed"]],
      )
      deepStrictEqual(yield* versionsOf(runIds), ["1", "2", "2", "1", undefined])
      deepStrictEqual(idsOf(yield* TestRuns.claim(one, { limit: 5 })), ["free"])
      deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), ["pending"])
      const runs = yield* Runs
      yield* runs.resume(pinned[1]!.runId, TestRuns.resultOf("call", "yes"))
      deepStrictEqual(idsOf(yield* TestRuns.claim(two, { limit: 5 })), ["waiting"])
    }),
  )

  test(
    "the versions are those of workers in contact and of open runs, with their counts",
    Effect.gen(function* () {
      const [leases, summaries] = [yield* Leases, yield* Summaries]
      deepStrictEqual(yield* summaries.versions, [])
      const one = yield* idOf("1")
      const first = yield* TestRuns.submit({ publicId: "first", versionPolicy: "pinned" })
      yield* TestRuns.submit({ publicId: "second", versionPolicy: "pinned" })
      yield* TestRuns.submit({ publicId: "third", versionPolicy: "pinned" })
      const claimed = yield* TestRuns.claim(one, { limit: 3 })
      yield* leases.suspend(TestRuns.leaseOf(claimed[1]!), TestRuns.forToolCall())
      yield* leases.release(TestRuns.leaseOf(claimed[2]!))
      const [version, ...others] = yield* summaries.versions
      deepStrictEqual(version, {
        version: "1",
        workers: 1,
        leases: 1,
        pending: 1,
        waiting: 1,
        oldest: first.createdAt,
      })
      deepStrictEqual(others, [])
      deepStrictEqual((yield* summaries.attention()).versions, [])
      // One that drains claims none of them.
      const registry = yield* WorkerRegistry
      yield* registry.drain(one, true)
      deepStrictEqual((yield* summaries.attention()).versions, [version!])
      yield* registry.drain(one, false)
      yield* TestClock.adjust("10 minutes")
      yield* TestRuns.settle
      const later = (yield* summaries.versions)[0]
      deepStrictEqual([later?.workers, later?.pending, later?.waiting], [0, 2, 1])
      deepStrictEqual((yield* summaries.attention()).versions[0], later)
      const two = yield* idOf("2")
      deepStrictEqual(
        (yield* summaries.versions).map(({ version: name, workers }) => [name, workers]),
        [
          ["1", 0],
          ["2", 1],
        ],
      )
      deepStrictEqual(yield* TestRuns.claim(two), [])
    }),
  )

  test(
    "a move names two versions",
    Effect.gen(function* () {
      const all = { all: true } as const
      const verdicts = yield* Effect.forEach(
        [
          { action: "move", ...all },
          { action: "move", move: { from: "1", to: "1" }, ...all },
          { action: "cancel", move: { from: "1", to: "2" }, ...all },
        ] as const,
        (bulk) => TestRuns.verdictOf(TestBulk.create(bulk)),
      )
      deepStrictEqual(verdicts, ["InvalidBulk", "InvalidBulk", "InvalidBulk"])
    }),
  )
}
