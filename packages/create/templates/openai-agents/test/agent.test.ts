import { expect, it } from "@effect/vitest"
import { AgentEvent, Executor, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Stream } from "effect"
import agent from "../src/agent.js"

/** The agent works with promises, so the tests take real time: `it.scopedLive`. */
const worker = Worker.layer.pipe(
  Layer.provide(Executor.layerFrom(agent)),
  Layer.provideMerge(MemoryControlPlane.layer),
)

/** The results of the calls of a refund, which a person decides on. */
const resultsOf = (approved: boolean) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const results: Array<string> = []
    const snapshot = RequestSnapshot.fromText("Refund order A-17")
    const { run } = yield* runs.submit({ agentId: "desk", snapshot })
    const decide = Effect.gen(function* () {
      const { waiting } = yield* runs.get(run.runId)
      for (const { id } of waiting?.interrupts ?? []) {
        yield* runs.resume(run.runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
      }
    })
    yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) =>
      AgentEvent.match({
        TOOL_CALL_RESULT: ({ content }) => Effect.sync(() => results.push(JSON.stringify(content))),
        RUN_FINISHED: ({ outcome }) => Effect.when(decide, () => outcome?.type === "interrupt"),
        orElse: () => Effect.void,
      })(event),
    )
    return results
  }).pipe(Effect.provide(worker))

it.scopedLive("pays once a person approves", () =>
  Effect.gen(function* () {
    expect((yield* resultsOf(true)).at(-1)).toContain("40 EUR are on their way")
  }),
)

it.scopedLive("does not pay without the approval", () =>
  Effect.gen(function* () {
    expect((yield* resultsOf(false)).at(-1)).toContain("was not approved")
  }),
)
