import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Worker, type WorkerOptions } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns, TestWorker } from "@runlease/testkit"
import { Effect, Logger, LogLevel, TestClock } from "effect"

type Line = readonly [level: LogLevel.LogLevel["_tag"], text: string]

/** Starts a worker whose agent fails where its name says so, and gives the lines of its log. */
const start = (options: WorkerOptions.WorkerOptions, least = LogLevel.Info) =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      lines.push([logLevel._tag, String(message)])
    })
    const executor = Executor.layerFrom(({ agentId }) =>
      agentId === "failing"
        ? Effect.fail(Executor.retryableError("no_money", "Two\n  lines"))
        : Effect.succeed("done"),
    )
    yield* Worker.run(options).pipe(
      Effect.provide(executor),
      Logger.withMinimumLogLevel(least),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.forkScoped,
    )
    return lines
  })

const untilLines = (lines: ReadonlyArray<Line>, count: number) =>
  TestWorker.until(
    Effect.sync(() => lines.length),
    (length) => length >= count,
  )

describe("the log of a worker", () => {
  const test = TestRuns.tester(MemoryControlPlane.layer)

  test(
    "has its name, the run of a dead worker that it takes over, its end, and a failure on one line",
    Effect.gen(function* () {
      const { runId } = yield* TestRuns.submit({ publicId: "refund-1", maxAttempts: 3 })
      yield* TestRuns.claimOne(yield* TestRuns.register("dead"))
      yield* TestRuns.lapse
      const lines = yield* start({ workerKey: "alive" })
      yield* TestWorker.untilStatus(runId, "completed")
      yield* untilLines(lines, 3)
      yield* TestRuns.submit({ publicId: "refund-2", agentId: "failing", maxAttempts: 1 })
      yield* untilLines(lines, 5)
      deepStrictEqual(lines, [
        ["Info", "Worker alive waits for runs of any agent, 10 at once"],
        ["Info", "Run refund-1 of agent is taken over, since a lease of attempt 1 lapsed: attempt 2 of 3"],
        ["Info", "Run refund-1 of agent is completed"],
        ["Info", "Run refund-2 of failing is claimed"],
        ["Warning", "Run refund-2 of failing has failed: Two lines"],
      ])
    }),
  )

  test(
    "counts what has no line, and has lines left for a failure",
    Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: 60 }), () => TestRuns.submit(), { discard: true })
      const { runId } = yield* TestRuns.submit({ agentId: "failing", maxAttempts: 1 })
      const lines = yield* start({ workerKey: "busy" })
      yield* TestWorker.untilStatus(runId, "failed")
      // Those of the start, of 20 plain events, and of the failure.
      yield* untilLines(lines, 22)
      strictEqual(lines.filter(([level]) => level === "Warning").length, 1)
      yield* TestClock.adjust("10 seconds")
      const [, counts = ""] = lines[22] ?? []
      const [, claimed, completed] =
        /^And in the last 10s, without a line each: (\d+) claimed, (\d+) completed$/.exec(counts) ?? []
      strictEqual(Number(claimed) + Number(completed), 61 + 60 - 20)
    }),
  )

  test(
    "has warnings alone where the level says so",
    Effect.gen(function* () {
      const lines = yield* start({}, LogLevel.Warning)
      const { runId } = yield* TestRuns.submit()
      yield* TestWorker.untilStatus(runId, "completed")
      yield* TestRuns.submit({ publicId: "bad", agentId: "failing", maxAttempts: 1 })
      yield* untilLines(lines, 1)
      deepStrictEqual(lines, [["Warning", "Run bad of failing has failed: Two lines"]])
    }),
  )
})
