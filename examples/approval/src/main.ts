import { NodeRuntime } from "@effect/platform-node"
import {
  AgentEvent,
  Executor,
  type Ids,
  Interrupts,
  RequestSnapshot,
  RunLog,
  Runs,
  Worker,
} from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Effect, Layer, Stream } from "effect"

/** Refunds the requested amount. More than 100 EUR needs a person's approval. */
const refunds = Executor.layerFrom((run) =>
  Effect.gen(function* () {
    const amount = Number(RequestSnapshot.lastUserText(run.snapshot))
    if (amount > 100) {
      const about = { amount: `${amount} EUR` }
      const yes = yield* Interrupts.approve("refund", { message: "Refund it?", about })
      if (!yes) return `The refund of ${amount} EUR is denied.`
    }
    return `Refunded ${amount} EUR.`
  }),
)

/** Approves up to 500 EUR. A person would answer from the command line, over HTTP, or in an AG-UI front end. */
const person = Effect.fnUntraced(function* (runId: Ids.RunId, amount: number) {
  const runs = yield* Runs.Runs
  const { waiting } = yield* runs.get(runId)
  for (const { id, message, metadata } of waiting?.interrupts ?? []) {
    const approved = amount <= 500
    yield* Console.log(`  ${message} ${JSON.stringify(metadata?.["about"])} ${approved ? "yes" : "no"}`)
    yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
  }
})

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  for (const amount of [20, 400, 900]) {
    const { run } = yield* runs.submit({
      publicId: `refund-${amount}`,
      agentId: "refunds",
      snapshot: RequestSnapshot.fromText(String(amount)),
    })
    yield* Console.log(run.runId)
    // A run that waits writes RUN_FINISHED with an interrupt; its log continues after the answer.
    const shown = AgentEvent.match({
      RUN_FINISHED: () => person(run.runId, amount),
      TEXT_MESSAGE_CONTENT: ({ delta }) => Console.log(`  ${delta}`),
      orElse: () => Effect.void,
    })
    yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) => shown(event))
  }
})

const worker = Worker.layer.pipe(Layer.provide(refunds), Layer.provideMerge(MemoryControlPlane.layer))

program.pipe(Effect.provide(worker), NodeRuntime.runMain)
