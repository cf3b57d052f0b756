import { expect, it } from "@effect/vitest"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Ref, Stream } from "effect"
import agent from "../src/agent.js"

/** The stand-in is a server, so the tests take real time: `it.scopedLive`. */
const worker = Worker.layer.pipe(Layer.provide(agent), Layer.provideMerge(MemoryControlPlane.layer))

/** The text that the agent gives to a message, whose calls of tools a person decides on. */
const answerTo = (text: string, approved: boolean) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const answer = yield* Ref.make("")
    const { run } = yield* runs.submit({ agentId: "assistant", snapshot: RequestSnapshot.fromText(text) })
    const decide = Effect.gen(function* () {
      const { waiting } = yield* runs.get(run.runId)
      const interrupts = waiting?.interrupts ?? []
      for (const { id } of interrupts) {
        yield* runs.resume(run.runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
      }
    })
    yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) =>
      AgentEvent.match({
        TEXT_MESSAGE_CONTENT: ({ delta }) => Ref.update(answer, (before) => before + delta),
        RUN_FINISHED: ({ outcome }) => Effect.when(decide, () => outcome?.type === "interrupt"),
        orElse: () => Effect.void,
      })(event),
    )
    return yield* Ref.get(answer)
  }).pipe(Effect.provide(worker))

it.scopedLive("pays once a person approves", () =>
  Effect.gen(function* () {
    expect(yield* answerTo("Refund 40 EUR", true)).toContain("40 EUR are on their way")
  }),
)

it.scopedLive("does not pay without the approval", () =>
  Effect.gen(function* () {
    expect(yield* answerTo("Refund 40 EUR", false)).not.toContain("on their way")
  }),
)
