import * as Terminal from "@effect/platform/Terminal"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, type Ids, Runs } from "@runlease/core"
import { Console, Effect, Stream } from "effect"
import { Refund, store } from "./refund.js"

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
  const { run } = yield* Refund.submit({ order: "A-17", euros: 90, reason: "The lamp came broken" })
  yield* Console.log(`Submitted run ${run.runId}`)
  yield* Stream.runForEach(Refund.follow(run.runId), (followed) =>
    followed._tag === "Value"
      ? Console.log(followed.value)
      : AgentEvent.match({
          STEP_STARTED: ({ stepName }) => Console.log(`step ${stepName}`),
          RUN_FINISHED: ({ outcome }) =>
            Effect.when(Effect.forkScoped(answer(run.runId)), () => outcome?.type === "interrupt"),
          orElse: () => Effect.void,
        })(followed.event),
  )
})

submit.pipe(Effect.scoped, Effect.provide([store, NodeContext.layer]), NodeRuntime.runMain)
