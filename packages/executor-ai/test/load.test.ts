/** Many runs at once against a model in another process: nothing is left of them, and memory does not grow. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { RequestSnapshot, Runs } from "@runlease/core"
import { AiTool } from "@runlease/executor-ai"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer, Schema } from "effect"
import { spawn } from "node:child_process"
import { readdir } from "node:fs/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import * as ModelWorkers from "./ModelWorkers.js"

const runs = 30

const concurrency = 30
const rounds = 3

const toolkit = Toolkit.make(
  Tool.make("add", {
    parameters: { a: Schema.Number, b: Schema.Number },
    success: Schema.Number,
  }).annotate(AiTool.SideEffect, "pure"),
)
const handlers = toolkit.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

const program = Effect.promise(() => Bundle.fixture(new URL("fixtures/model-server.ts", import.meta.url)))

/** Starts a model's server in a process of its own. */
const start = (path: string) =>
  Effect.async<{ readonly url: string; readonly end: Effect.Effect<void> }>((resume) => {
    const child = spawn(process.execPath, [path], { stdio: ["pipe", "pipe", "inherit"] })
    const end = Effect.async<void>((done) => {
      child.once("exit", () => done(Effect.void))
      child.stdin.end()
    })
    child.stdout.once("data", (line: Buffer) => resume(Effect.succeed({ url: line.toString().trim(), end })))
  })

/** It lasts for as long as the Scope is open. */
const server = Effect.map(
  Effect.acquireRelease(Effect.flatMap(program, start), ({ end }) => end),
  ({ url }) => url,
)

const measure = Effect.gen(function* () {
  collectGarbage()
  yield* Effect.sleep(0)
  collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  const descriptors = yield* Effect.promise(() => readdir("/proc/self/fd"))
  return { heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20, descriptors: descriptors.length }
})

describe.runIf(process.platform === "linux")("many runs at once", () => {
  it.scopedLive("leave nothing", () =>
    Effect.gen(function* () {
      yield* ModelWorkers.start({ url: yield* server }, { toolkit }, { concurrency })
      const port = yield* Runs.Runs
      const figures = []
      for (let round = 0; round < rounds; round++) {
        const submitted = yield* Effect.replicateEffect(
          TestRuns.submit({ snapshot: RequestSnapshot.fromText("Add") }),
          runs,
        )
        for (const { runId } of submitted) yield* ModelWorkers.untilStatus(runId, "completed")
        figures.push(yield* measure)
      }
      strictEqual((yield* port.list({ status: "failed" })).items.length, 0)
      // The first round allocates what all rounds share: compiled code and pooled connections.
      const first = figures[0]!
      const last = figures.at(-1)!
      assertTrue(last.heap - first.heap < 4, `the heap grew from ${first.heap} to ${last.heap} MB`)
      // The pool of connections has one for each run at once at most. The runs of two rounds are twice as many.
      assertTrue(
        last.descriptors <= first.descriptors + concurrency,
        `${first.descriptors} fds became ${last.descriptors}`,
      )
    }).pipe(Effect.provide(Layer.merge(handlers, ModelWorkers.controlPlanes["SQLite"]!))),
  )
})
