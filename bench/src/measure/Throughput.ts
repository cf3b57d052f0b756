/** No-op runs or jobs per second of one worker with concurrency 24. */
import { Effect } from "effect"
import * as Contenders from "../Contenders.js"
import * as Footprint from "../Footprint.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"

const batch = 50

const own = (backend: Contenders.Backend) => {
  const baseline = `${backend}: by hand, ${batch} to a commit`
  return [
    { name: baseline, contender: Contenders.byHand(backend, batch) },
    { name: `${backend}: by hand, one by one`, contender: Contenders.byHand(backend, 1), beside: baseline },
    { name: `${backend}: Runlease`, contender: Contenders.runlease(backend), beside: baseline },
  ]
}

const entries = [
  ...own("PostgreSQL"),
  {
    name: "PostgreSQL: graphile-worker",
    contender: Contenders.graphileWorker({ localQueue: 0, batched: false }),
  },
  {
    name: "PostgreSQL: graphile-worker, batched completion",
    contender: Contenders.graphileWorker({ localQueue: 0, batched: true }),
  },
  {
    name: "PostgreSQL: graphile-worker, local queue of 500",
    contender: Contenders.graphileWorker({ localQueue: 500, batched: true }),
  },
  {
    name: "PostgreSQL: graphile-worker, local queue of 1000",
    contender: Contenders.graphileWorker({ localQueue: 1000, batched: true }),
  },
  { name: "PostgreSQL: pg-boss", contender: Contenders.pgBoss },
  { name: "Redis: BullMQ, fsync always", contender: Contenders.bullMq("always") },
  { name: "Redis: BullMQ, fsync every second", contender: Contenders.bullMq("everysec") },
  ...own("SQLite normal"),
  { name: "SQLite normal: plainjob", contender: Contenders.plainJob("normal") },
  ...own("SQLite full"),
  { name: "SQLite full: plainjob", contender: Contenders.plainJob("full") },
  {
    name: `SQLite normal: by hand over the network, ${batch} to a request`,
    contender: Contenders.byHandOverNetwork(batch),
    beside: `SQLite normal: by hand, ${batch} to a commit`,
  },
  {
    name: "SQLite normal: Runlease over the network",
    contender: Contenders.runleaseOverNetwork("SQLite normal"),
    beside: "SQLite normal: Runlease",
  },
  {
    name: "PostgreSQL: Runlease over the network",
    contender: Contenders.runleaseOverNetwork("PostgreSQL"),
    beside: "PostgreSQL: Runlease",
  },
]

export const measure = Effect.gen(function* () {
  const { runs } = yield* Scale
  yield* Footprint.check
  const rate = SideBySide.rate("runs/s", (contender) =>
    Effect.zipRight(contender.call("fill", runs), contender.call("drain", runs)),
  )
  return { title: "No-op runs per second", figures: yield* SideBySide.measure(entries, rate) }
}).pipe(Effect.scoped)
