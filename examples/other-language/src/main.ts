import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { CommandExecutor } from "@runlease/executor-command"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Effect, Layer, Stream } from "effect"
import { fileURLToPath } from "node:url"

/** Runs awk without a shell, in a folder per run, with named variables only; its processes end with the run. */
const executor = CommandExecutor.layerWith({
  command: "awk",
  args: ["-f", fileURLToPath(new URL("../agent/count.awk", import.meta.url))],
})

const lineOf = AgentEvent.match({
  TEXT_MESSAGE_CONTENT: ({ delta }) => `  ${delta.trimEnd()}`,
  CUSTOM: ({ name, type, value }) => `${type} ${name}=${String(value)}`,
  orElse: ({ type }) => type,
})

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* runs.submit({
    publicId: "count-1",
    agentId: "counter",
    snapshot: RequestSnapshot.fromText("how many words are in this"),
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => Console.log(lineOf(event)))
})

const worker = Worker.layer.pipe(Layer.provide(executor), Layer.provideMerge(MemoryControlPlane.layer))

program.pipe(Effect.provide(worker), NodeRuntime.runMain)
