import * as Terminal from "@effect/platform/Terminal"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, type Ids, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { Console, Effect, Stream } from "effect"

/** Asks at this terminal. The same question is in the dashboard; the first answer counts. */
const answer = Effect.fnUntraced(function* (runId: Ids.RunId) {
  const runs = yield* Runs.Runs
  const terminal = yield* Terminal.Terminal
  const { waiting } = yield* runs.get(runId)
  for (const { id, message, toolArguments } of waiting?.interrupts ?? []) {
    yield* Console.log(`${message} ${JSON.stringify(toolArguments)} Type yes or no:`)
    const approved = /^y/i.test(yield* terminal.readLine)
    yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
  }
})

const submit = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const text = process.argv[2] ?? "Refund order A-17, the lamp came broken."
  const { run } = yield* runs.submit({ agentId: "desk", snapshot: RequestSnapshot.fromText(text) })
  yield* Console.log(`Submitted run ${run.runId}`)
  const show = AgentEvent.match({
    TOOL_CALL_RESULT: ({ content }) => Console.log(`tool: ${JSON.stringify(content)}`),
    TEXT_MESSAGE_CONTENT: ({ delta }) => Effect.sync(() => process.stdout.write(delta)),
    TEXT_MESSAGE_END: () => Console.log(""),
    RUN_FINISHED: ({ outcome }) =>
      Effect.when(Effect.forkScoped(answer(run.runId)), () => outcome?.type === "interrupt"),
    orElse: () => Effect.void,
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => show(event))
})

const store = SqlControlPlane.layerSqlite({ filename: "runs.sqlite" })

submit.pipe(Effect.scoped, Effect.provide([store, NodeContext.layer]), NodeRuntime.runMain)
