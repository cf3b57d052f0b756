import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Stream } from "effect"
import agent from "../src/agent.js"

/** The agent is a process, so the test takes real time: `it.scopedLive`. */
const worker = Worker.layer.pipe(Layer.provide(agent), Layer.provideMerge(MemoryControlPlane.layer))

it.scopedLive("writes the file once a person allows it", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const { run } = yield* runs.submit({ agentId: "coder", snapshot: RequestSnapshot.fromText("Go on") })
    const folder = `work/${run.conversationId}`
    yield* Effect.addFinalizer(() => Effect.orDie(fs.remove(folder, { recursive: true })))

    const allow = Effect.gen(function* () {
      expect(yield* fs.exists(`${folder}/greeting.txt`)).toBe(false)
      const { waiting } = yield* runs.get(run.runId)
      const interrupts = waiting?.interrupts ?? []
      expect(interrupts.map(({ message }) => message)).toEqual(["Allow write greeting.txt?"])
      for (const { id } of interrupts) {
        yield* runs.resume(run.runId, [{ interruptId: id, status: "resolved", payload: { approved: true } }])
      }
    })
    yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) =>
      AgentEvent.match({
        RUN_FINISHED: ({ outcome }) => Effect.when(allow, () => outcome?.type === "interrupt"),
        orElse: () => Effect.void,
      })(event),
    )
    expect((yield* runs.get(run.runId)).status).toBe("completed")
    expect(yield* fs.readFileString(`${folder}/greeting.txt`)).toBe("Hello, world!\n")
  }).pipe(Effect.provide([worker, NodeContext.layer])),
)
