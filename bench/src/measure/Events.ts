/** Events per second into the logs of 64 runs that stream small deltas. */
import { Effect } from "effect"
import * as Contenders from "../Contenders.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"

const runs = 64
const batch = 100

const pair = (backend: Contenders.Backend) => {
  const baseline = `${backend}: by hand, ${batch} to a commit`
  return [
    { name: baseline, contender: Contenders.byHand(backend, batch) },
    { name: `${backend}: Runlease`, contender: Contenders.runlease(backend), beside: baseline },
  ]
}

const entries = [
  ...pair("PostgreSQL"),
  ...pair("SQLite normal"),
  ...pair("SQLite full"),
  {
    name: "SQLite normal: Runlease over the network",
    contender: Contenders.runleaseOverNetwork("SQLite normal"),
    beside: "SQLite normal: Runlease",
  },
]

export const measure = Effect.gen(function* () {
  const { deltas } = yield* Scale
  const rate = SideBySide.rate("events/s", (contender) => contender.call("stream", { runs, deltas }))
  return {
    title: `Events per second into the logs of ${runs} runs`,
    figures: yield* SideBySide.measure(entries, rate),
  }
}).pipe(Effect.scoped)
