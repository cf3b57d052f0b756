import * as Terminal from "@effect/platform/Terminal"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, type Ids, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Console, Effect, Stream } from "effect"
import { store } from "./store.js"

/** Asks at this terminal. The same question is in the dashboard; the first answer counts. */
const answer = Effect.fnUntraced(function* (runId: Ids.RunId) {
  const runs = yield* Runs.Runs
  const terminal = yield* Terminal.Terminal
  const { waiting } = yield* runs.get(runId)
  for (const { id, message } of waiting?.interrupts ?? []) {
    yield* Console.log(`${message} Type yes or no:`)
    const approved = /^y/i.test(yield* terminal.readLine)
    yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
  }
})

const submit = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const task = process.argv[2] ?? "Write a greeting to the world into greeting.txt"
  const { run } = yield* runs.submit({ agentId: "coder", snapshot: RequestSnapshot.fromText(task) })
  yield* Console.log(`Submitted run ${run.runId}`)
  const show = AgentEvent.match({
    TOOL_CALL_START: ({ toolCallName }) => Console.log(`tool call: ${toolCallName}`),
    TEXT_MESSAGE_CONTENT: ({ delta }) => Console.log(delta),
    RUN_FINISHED: ({ outcome }) =>
      Effect.when(Effect.forkScoped(answer(run.runId)), () => outcome?.type === "interrupt"),
    orElse: () => Effect.void,
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => show(event))
  const { conversationId, status } = yield* runs.get(run.runId)
  yield* Console.log(`The run is ${status}. Its files are in work/${conversationId}`)
})

submit.pipe(Effect.scoped, Effect.provide([store, NodeContext.layer]), NodeRuntime.runMain)
