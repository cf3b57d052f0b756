import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, type Ids, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { AcpExecutor } from "@runlease/executor-acp"
import { MemoryControlPlane } from "@runlease/store"
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
  const shown = AgentEvent.match({
    TOOL_CALL_START: ({ toolCallName }) => Console.log(`tool call: ${toolCallName}`),
    TEXT_MESSAGE_CONTENT: ({ delta }) => Console.log(delta),
    RUN_FINISHED: () => person(run.runId),
    orElse: () => Effect.void,
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => shown(event))
  yield* Console.log((yield* runs.get(run.runId)).status)
  for (const name of yield* fs.readDirectory("work", { recursive: true })) {
    if (!name.endsWith("greeting.txt")) continue
    yield* Console.log(`greeting.txt: ${(yield* fs.readFileString(`work/${name}`)).trim()}`)
  }
})

const worker = Worker.layer.pipe(Layer.provide(executor), Layer.provideMerge(MemoryControlPlane.layer))

program.pipe(Effect.provide([worker, NodeContext.layer]), NodeRuntime.runMain)
