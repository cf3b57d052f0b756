import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, Ids, MemoryControlPlane, RunLog, Runs } from "@runlease/core"
import { Chunk, Context, Effect, Fiber, Layer, Stream } from "effect"
import * as Mcp from "../../src/mcp/Mcp.js"

const runId = Ids.RunId.make("run")

it.scoped("the waits for one run share one reader of its log, and one result", () =>
  Effect.gen(function* () {
    const plane = yield* Layer.build(
      Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
    )
    const runs = Context.get(plane, Runs.Runs)
    const log = Context.get(plane, RunLog.RunLog)
    yield* runs.submit({ agentId: "agent", publicId: runId, initialStatus: "running" })
    let reads = 0
    const counted = new Proxy(log, {
      get: (of, name, receiver) => {
        reads += 1
        return Reflect.get(of, name, receiver) as unknown
      },
    })
    const ports = Context.add(plane, RunLog.RunLog, counted)
    const waits = yield* Mcp.waits
    const server = Mcp.make({ ports, waits, agents: false, version: "1", admit: () => Effect.void })
    const wait = (id: number) =>
      Effect.gen(function* () {
        const reply = yield* server.handle({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: {
            name: "get_run",
            arguments: { run_id: runId, wait_seconds: 60 },
            ...(id % 2 === 0 ? { _meta: { progressToken: id } } : {}),
          },
        })
        assertTrue(reply._tag === "Messages")
        return Chunk.toReadonlyArray(yield* Stream.runCollect(reply.messages))
      })
    const waiting = yield* Effect.fork(
      Effect.forEach(
        Array.from({ length: 100 }, (_, id) => id),
        wait,
        { concurrency: "unbounded" },
      ),
    )
    yield* Effect.repeatN(Effect.yieldNow(), 20)
    yield* log.append({ runId, events: [{ type: "STEP_STARTED", stepName: "look" }] })
    yield* Effect.repeatN(Effect.yieldNow(), 20)
    yield* log.append({ runId, events: [{ type: "STEP_FINISHED", stepName: "look" }] })
    yield* runs.complete(runId, { status: "completed", result: { found: true } })
    const all = yield* Fiber.join(waiting)
    deepStrictEqual(
      all.map((messages) => messages.length),
      all.map((_, id) => (id % 2 === 0 ? 2 : 1)),
    )
    for (const [id, messages] of all.entries()) {
      const answer = messages.at(-1) as unknown as {
        readonly id: number
        readonly result: { readonly structuredContent: { readonly status: string } }
      }
      deepStrictEqual([answer.id, answer.result.structuredContent.status], [id, "completed"])
    }
    strictEqual(reads, 1)
  }),
)
