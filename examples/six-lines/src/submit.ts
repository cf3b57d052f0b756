import { AgentEvent, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Console, Effect, Stream } from "effect"

/** Submits a run, and prints its log until it ends. */
export const submitAndShow = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* runs.submit({
    agentId: "echo",
    snapshot: RequestSnapshot.fromText("hello"),
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event, eventId }) =>
    Console.log(eventId, JSON.stringify(event satisfies AgentEvent.LogEvent)),
  )
})
