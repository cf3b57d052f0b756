import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { type Ids, MemoryControlPlane, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { AcpExecutor } from "@runlease/executor-acp"
import { Config, Console, Effect, Layer, Option, Stream } from "effect"
import { fileURLToPath } from "node:url"

const standIn = [process.execPath, fileURLToPath(new URL("../agent/agent.mjs", import.meta.url))]

/** The agent that AGENT names, such as `opencode acp`; else one that needs no model. */
const executor = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("AGENT")), (line) => {
    const [command = "", ...args] = Option.match(line, {
      onNone: () => standIn,
      onSome: (words) => words.split(" "),
    })
    const passEnv = [...AcpExecutor.defaultPassEnv, "ANTHROPIC_API_KEY", "OPENAI_API_KEY"]
    return AcpExecutor.layerWith({ command, args, passEnv, permission: "ask", workRoot: "work" })
  }),
)

/** Prints each permission request of the agent, and grants it. */
const person = Effect.fnUntraced(function* (runId: Ids.RunId) {
  const runs = yield* Runs.Runs
  const { waiting } = yield* runs.get(runId)
  for (const { id, message } of waiting?.interrupts ?? []) {
    yield* Console.log(`${message} yes`)
    yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved: true } }])
  }
})

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* runs.submit({
    agentId: "coder",
    snapshot: RequestSnapshot.fromText("Write a greeting to the world into greeting.txt"),
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => {
    switch (event.type) {
      case "TOOL_CALL_START":
        return Console.log(`tool call: ${String(event["toolCallName"])}`)
      case "TEXT_MESSAGE_CONTENT":
        return Console.log(String(event["delta"]))
      case "RUN_FINISHED":
        return person(run.runId)
      default:
        return Effect.void
    }
  })
  yield* Console.log((yield* runs.get(run.runId)).status)
  for (const name of yield* fs.readDirectory("work", { recursive: true })) {
    if (!name.endsWith("greeting.txt")) continue
    yield* Console.log(`greeting.txt: ${(yield* fs.readFileString(`work/${name}`)).trim()}`)
  }
})

const worker = Worker.layer.pipe(Layer.provide(executor), Layer.provideMerge(MemoryControlPlane.layer))

program.pipe(Effect.provide([worker, NodeContext.layer]), NodeRuntime.runMain)
