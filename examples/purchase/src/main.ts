import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, type Ids, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { Purchase } from "./agents.js"
import { agents } from "./worker.js"

const decodeAbout = Schema.decodeUnknown(Schema.Struct({ euros: Schema.Number, warehouse: Schema.String }))

/** Approves up to 20 EUR. A person would answer in the dashboard, from the command line, or in an AG-UI front end. */
const answer = Effect.fnUntraced(function* (runId: Ids.RunId) {
  const runs = yield* Runs.Runs
  const { waiting } = yield* runs.get(runId)
  for (const { id, message, metadata } of waiting?.interrupts ?? []) {
    const { euros, warehouse } = yield* decodeAbout(metadata?.["about"])
    const approved = euros <= 20
    yield* Console.log(`${message} ${euros} EUR, from ${warehouse}: ${approved ? "yes" : "no"}`)
    yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved } }])
  }
})

const buy = (item: string, count: number) =>
  Effect.gen(function* () {
    const { run } = yield* Purchase.submit({ item, count })
    // A run that waits writes RUN_FINISHED with its question; its log goes on after the answer.
    yield* Stream.runForEach(Purchase.follow(run.runId), (followed) =>
      followed._tag === "Value"
        ? Console.log(`Order ${followed.value.order} for ${followed.value.cents / 100} EUR`)
        : AgentEvent.match({ RUN_FINISHED: () => answer(run.runId), orElse: () => Effect.void })(
            followed.event,
          ),
    )
  }).pipe(
    Effect.catchTags({
      OutOfStock: (error) => Console.log(`There are not so many of ${error.item}`),
      Declined: ({ cents }) => Console.log(`${cents / 100} EUR were too much`),
    }),
  )

const program = Effect.zipRight(
  Effect.forEach([buy("lamp", 2), buy("wardrobe", 3), buy("lamp", 21)], (one) => one),
  Effect.flip(Purchase.execute({ item: "", count: 0 })),
).pipe(Effect.flatMap(({ message }) => Console.log(message)))

const worker = Worker.layer.pipe(Layer.provide(agents), Layer.provideMerge(MemoryControlPlane.layer))

program.pipe(Effect.provide(worker), NodeRuntime.runMain)
