/** Runs many programs at once. Afterwards no process is left, and the worker's memory has not grown. */
import { CommandExecutor } from "@runlease/executor-command"
import { Ids, RunLog, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Console, Effect, Stream } from "effect"
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

const runs = 30
const concurrency = 30
const rounds = 3

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

const measure = Effect.gen(function* () {
  collectGarbage()
  yield* Effect.yieldNow()
  collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  const descriptors = yield* Effect.promise(() => readdir("/proc/self/fd"))
  return {
    heap: Math.round(heapUsed / 2 ** 20),
    rss: Math.round(rss / 2 ** 20),
    descriptors: descriptors.length,
  }
})

/** The command lines that contain the token. */
const processes = (token: string) =>
  Effect.map(
    Effect.promise(() => promisify(execFile)("ps", ["-A", "-ww", "-o", "args="])),
    ({ stdout }) => stdout.split("\n").filter((line) => line.includes(token)),
  )

const untilEnded = (runId: Ids.RunId) =>
  Effect.flatMap(RunLog.RunLog, (log) => Stream.runDrain(log.follow({ runId })))

describe.runIf(process.platform === "linux")("many programs at once", () => {
  it.scopedLive("leave no process, file or descriptor", () =>
    Effect.gen(function* () {
      const root = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-load-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true })),
      )
      const workRoot = join(root, "work")
      yield* Effect.promise(() => mkdir(workRoot))
      const token = yield* Ids.uuidV7
      yield* Worker.make({ concurrency }).pipe(
        Effect.provide(
          CommandExecutor.layerWith({
            command: "sh",
            // Each program leaves a child and a file, and writes a hundred lines.
            args: [
              "-c",
              "sleep 600 & echo x > file; i=0; while [ $i -lt 100 ]; do echo line; i=$((i+1)); done",
              token,
            ],
            killAfter: "200 millis",
            workRoot,
          }),
        ),
      )
      const port = yield* Runs.Runs
      const figures = []
      for (let round = 0; round < rounds; round++) {
        const submitted = yield* Effect.replicateEffect(TestRuns.submit(), runs)
        for (const { runId } of submitted) yield* untilEnded(runId)
        figures.push(yield* measure)
      }
      yield* Console.log(`${runs} programs at concurrency ${concurrency}, MB: ${JSON.stringify(figures)}`)
      strictEqual((yield* port.list({ status: "failed" })).items.length, 0)
      deepStrictEqual(yield* processes(token), [])
      deepStrictEqual(yield* Effect.promise(() => readdir(workRoot)), [])
      const first = figures[0]!
      const last = figures.at(-1)!
      // The memory control plane stores the logs of the runs.
      assertTrue(last.heap - first.heap < 10, `the heap grew from ${first.heap} to ${last.heap} MB`)
      assertTrue(
        last.descriptors <= first.descriptors + 10,
        `${first.descriptors} fds became ${last.descriptors}`,
      )
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})
