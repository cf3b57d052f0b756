import { NodeRuntime } from "@effect/platform-node"
import { Runs, Schedules, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Console, DateTime, Effect, Layer, Schedule } from "effect"
import { Report } from "./agents.js"
import { declared, source } from "./schedules.js"

const worker = Worker.layer.pipe(
  Layer.provide(
    Report.toLayer(({ topic }, run) =>
      Effect.succeed({ title: `A report about ${topic}, by attempt ${run.attempt}` }),
    ),
  ),
)

const schedules = Schedules.layerApply(source, declared, { prune: true })

/** The schedule of that name in the source. */
const find = Effect.fnUntraced(function* (key: string) {
  const { list } = yield* Schedules.Schedules
  const { items } = yield* list({ source, sourceTriggerId: key })
  return items[0]!
})

const nightTimes = (ticks: ReadonlyArray<Schedules.UpcomingTick>) =>
  ticks.map(({ at }) =>
    DateTime.format(DateTime.unsafeSetZoneNamed(at, "Europe/Berlin"), {
      locale: "en-GB",
      timeStyle: "short",
    }),
  )

const program = Effect.gen(function* () {
  const { apply, runNow, upcoming } = yield* Schedules.Schedules

  // A second deployment of the same program writes nothing.
  const applied = yield* apply({ source, schedules: declared })
  yield* Console.log(applied.map(({ action, key }) => `${key} is ${action}`).join(", "))

  const nightly = yield* find("nightly")
  yield* Console.log(`The next nights: ${nightTimes(yield* upcoming(nightly.id, 3)).join(", ")}`)

  const { run } = yield* runNow(nightly.id)
  yield* Console.log(`Now: ${(yield* Report.await(run.runId)).title}`)

  const nights = yield* (yield* Runs.Runs).list({ labels: { report: "nightly" } })
  yield* Console.log(
    `Nights by their label: ${nights.items.length}; of ${run.concurrencyKey}, ${run.concurrencyLimit} work at once`,
  )

  yield* Effect.repeat(find("pulse"), {
    until: ({ completedAt }) => completedAt !== null,
    schedule: Schedule.spaced("100 millis"),
  })
  const pulse = yield* find("pulse")
  const last = yield* Report.await(pulse.lastRunId!)
  yield* Console.log(`${pulse.runCount} pulses, the last: ${last.title}`)
})

program.pipe(
  Effect.provide(Layer.provideMerge(Layer.merge(schedules, worker), MemoryControlPlane.layer)),
  NodeRuntime.runMain,
)
