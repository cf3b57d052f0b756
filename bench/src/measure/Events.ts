/** Events per second into the logs of 64 runs that stream small deltas. */
import { Effect } from "effect"
import * as Before from "../Before.js"
import * as Contenders from "../Contenders.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"

const runs = 64
const batch = 100
const backends = ["PostgreSQL", "SQLite normal", "SQLite full"] as const

const pair = (backend: Contenders.Backend) => {
  const baseline = `${backend}: by hand, ${batch} to a commit`
  return [
    { name: baseline, started: Contenders.byHand(backend, batch) },
    { name: `${backend}: Runlease`, started: Contenders.runlease(backend), beside: baseline },
  ]
}

const entries = [
  ...backends.flatMap(pair),
  {
    name: "SQLite normal: Runlease over the network",
    started: Contenders.runleaseOverNetwork("SQLite normal"),
    beside: "SQLite normal: Runlease",
  },
]

const before = (checkout: string) =>
  backends.map((backend) => ({
    name: `${backend}: Runlease before`,
    started: Contenders.runlease(backend, { checkout }),
    beside: `${backend}: by hand, ${batch} to a commit`,
  }))

export const measure = Effect.gen(function* () {
  const { events } = yield* Scale
  return yield* SideBySide.measure({
    part: "events",
    title: `Events per second into the logs of ${runs} runs, and microseconds of CPU for each`,
    columns: SideBySide.rateColumns("events", "event"),
    entries: [...entries, ...(yield* Before.each(before))],
    sample: SideBySide.rated(
      runs * events,
      (contender) => contender.call("stream", { runs, events }),
      (contender) => contender.call("fill", runs),
    ),
  })
}).pipe(Effect.scoped)
