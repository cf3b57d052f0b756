/** The time from the acknowledgement of a submission to the start of its execution by an idle worker. */
import { Effect } from "effect"
import * as Contenders from "../Contenders.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"
import { quantile, summarize } from "../Statistics.js"

const peer = "PostgreSQL: graphile-worker"

const entries = [
  { name: peer, contender: Contenders.graphileWorker({ localQueue: 0, batched: false }) },
  { name: "PostgreSQL: pg-boss", contender: Contenders.pgBoss, beside: peer },
  { name: "Redis: BullMQ, fsync always", contender: Contenders.bullMq("always"), beside: peer },
  { name: "PostgreSQL: Runlease", contender: Contenders.runlease("PostgreSQL"), beside: peer },
  {
    name: "PostgreSQL: Runlease over the network",
    contender: Contenders.runleaseOverNetwork("PostgreSQL"),
    beside: peer,
  },
  { name: "SQLite normal: Runlease", contender: Contenders.runlease("SQLite normal") },
  {
    name: "SQLite normal: Runlease over the network",
    contender: Contenders.runleaseOverNetwork("SQLite normal"),
  },
]

export const measure = Effect.gen(function* () {
  const { pickUps } = yield* Scale
  const figures = yield* SideBySide.measure(entries, {
    unit: "ms",
    sample: (contender) => contender.call("pickUps", pickUps),
    summarize: (samples: ReadonlyArray<ReadonlyArray<number>>) => ({
      ", p50": summarize(samples.map((times) => quantile(times, 0.5))),
      ", p99": summarize(samples.map((times) => quantile(times, 0.99))),
    }),
  })
  return { title: "Pick-up by an idle worker", figures }
}).pipe(Effect.scoped)
