import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Effect, Layer, Stream } from "effect"
import * as Rates from "./Rates.js"
import * as RatesExecutor from "./RatesExecutor.js"

/** Submits runs and prints their texts. The ports hide which store is behind them. */
const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  for (const currency of ["USD", "GBP", "CHF"]) {
    const { run } = yield* runs.submit({
      publicId: currency,
      agentId: "rates",
      snapshot: RequestSnapshot.fromText(currency),
    })
    yield* log.follow({ runId: run.runId }).pipe(
      Stream.map(({ event }) => event),
      Stream.filter(AgentEvent.is("TEXT_MESSAGE_CONTENT")),
      Stream.runForEach(({ delta }) => Console.log(`  ${delta}`)),
    )
  }
})

/** Prints the events of the worker while it runs. It skips `Ended`, since the log already shows the end of a run. */
const watching = Layer.scopedDiscard(
  Effect.forkScoped(
    Stream.runForEach(Worker.events, (event) =>
      event._tag === "Ended"
        ? Effect.void
        : Console.log(`worker: ${event._tag}${"run" in event ? ` ${event.run.runId}` : ""}`),
    ),
  ),
)

const worker = watching.pipe(
  Layer.provideMerge(Worker.layerWith({ concurrency: 4 })),
  Layer.provide(RatesExecutor.layer),
  Layer.provide(Rates.layer),
  // Merged, since the program submits to the same store. SqlControlPlane.layerSqlite or Client.layerWith fit here too.
  Layer.provideMerge(MemoryControlPlane.layer),
)

program.pipe(Effect.provide(worker), NodeRuntime.runMain)
