import { expect, it } from "@effect/vitest"
import { Agent, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Schedule, Schema } from "effect"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/changing-agents.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

const folder = await Code.write("changes", files)

it("the code of the page about changes of an agent compiles", async () => {
  expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
})

it.scopedLive(
  "a run of its agent that waits is not broken by the code that it has",
  () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { default: refunds } = yield* Effect.promise(() => import(`${folder}refunds.ts`))
      const { broken } = yield* Effect.promise(() => import(`${folder}rehearse.ts`))
      const refund = Agent.make({ name: "refund", payload: { order: Schema.String } })
      const { run } = yield* refund.submit({ order: "7" })
      yield* Effect.scoped(
        Effect.provide(
          Effect.gen(function* () {
            yield* Worker.make({ implementationKind: "test", workerKey: "docs" })
            yield* Effect.repeat(runs.get(run.runId), {
              until: ({ status }) => status === "waiting",
              schedule: Schedule.spaced("20 millis"),
            })
          }),
          refunds,
        ),
      )
      expect(yield* broken).toEqual([])
    }).pipe(Effect.provide(MemoryControlPlane.layer)) as Effect.Effect<void>,
)
