/** No-op runs or jobs per second of one worker, and the CPU that each takes. */
import { Effect } from "effect"
import * as Before from "../Before.js"
import * as Contenders from "../Contenders.js"
import * as Footprint from "../hand/Footprint.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"

const batch = 50
const many = `${Contenders.manySlots} slots`
const concurrency = Contenders.manySlots

const own = (backend: Contenders.Backend) => {
  const beside = `${backend}: by hand, ${batch} to a commit`
  return [
    { name: beside, started: Contenders.byHand(backend, batch) },
    { name: `${backend}: by hand, one by one`, started: Contenders.byHand(backend, 1), beside },
    { name: `${backend}: Runlease`, started: Contenders.runlease(backend), beside },
    {
      name: `${backend}: Runlease, executor as a Stream`,
      started: Contenders.runlease(backend, { noop: "stream" }),
      beside,
    },
    { name: `${backend}: Runlease, ${many}`, started: Contenders.runlease(backend, { concurrency }), beside },
  ]
}

const overNetwork = (backend: Contenders.Backend) => [
  {
    name: `${backend}: Runlease over the network`,
    started: Contenders.runleaseOverNetwork(backend),
    beside: `${backend}: Runlease`,
  },
  {
    name: `${backend}: Runlease over the network, renewed on the event loop`,
    started: Contenders.runleaseOverNetwork(backend, { onLoop: true }),
    beside: `${backend}: Runlease over the network`,
  },
  {
    name: `${backend}: Runlease over the network, ${many}`,
    started: Contenders.runleaseOverNetwork(backend, { concurrency }),
    beside: `${backend}: Runlease, ${many}`,
  },
]

const graphile = (name: string, slots: number, localQueue: number, batched: boolean) => ({
  name: `PostgreSQL: graphile-worker${name}`,
  started: Contenders.graphileWorker({ concurrency: slots, localQueue, batched }),
})

/** Two fetchers, so that one fetches while the other completes. */
const pgBoss = (name: string, slots: number) => ({
  name: `PostgreSQL: pg-boss${name}`,
  started: Contenders.pgBoss({ fetchers: 2, batchSize: slots / 2 }),
})

const entries = [
  ...own("PostgreSQL"),
  {
    name: "PostgreSQL: Runlease, 500 ahead",
    started: Contenders.runlease("PostgreSQL", { concurrency, claimAhead: 500 }),
    beside: `PostgreSQL: Runlease, ${many}`,
  },
  graphile("", Contenders.slots, 0, false),
  graphile(`, ${many}`, concurrency, 0, false),
  graphile(", batched completion", Contenders.slots, 0, true),
  graphile(`, batched completion, ${many}`, concurrency, 0, true),
  graphile(", local queue of 500", Contenders.slots, 500, true),
  graphile(", local queue of 1000", Contenders.slots, 1000, true),
  pgBoss("", 1000),
  pgBoss(`, ${Contenders.slots} slots`, Contenders.slots),
  pgBoss(`, ${many}`, concurrency),
  { name: "Redis: BullMQ, fsync always", started: Contenders.bullMq("always") },
  { name: `Redis: BullMQ, fsync always, ${many}`, started: Contenders.bullMq("always", concurrency) },
  { name: "Redis: BullMQ, fsync every second", started: Contenders.bullMq("everysec") },
  ...own("SQLite normal"),
  { name: "SQLite normal: plainjob", started: Contenders.plainJob("normal") },
  ...own("SQLite full"),
  { name: "SQLite full: plainjob", started: Contenders.plainJob("full") },
  {
    name: `SQLite normal: by hand over the network, ${batch} to a request`,
    started: Contenders.byHandOverNetwork(batch),
    beside: `SQLite normal: by hand, ${batch} to a commit`,
  },
  ...overNetwork("SQLite normal"),
  ...overNetwork("PostgreSQL"),
]

const before = (checkout: string) =>
  (["PostgreSQL", "SQLite normal", "SQLite full"] as const)
    .map((backend) => ({
      name: `${backend}: Runlease before`,
      started: Contenders.runlease(backend, { checkout }),
      beside: `${backend}: by hand, ${batch} to a commit`,
    }))
    .concat(
      (["SQLite normal", "PostgreSQL"] as const).map((backend) => ({
        name: `${backend}: Runlease over the network, before`,
        started: Contenders.runleaseOverNetwork(backend, { checkout }),
        beside: `${backend}: Runlease before`,
      })),
    )

export const measure = Effect.gen(function* () {
  const { runs } = yield* Scale
  yield* Footprint.check
  return yield* SideBySide.measure({
    part: "throughput",
    title: "No-op runs per second, and microseconds of CPU for each",
    columns: SideBySide.rateColumns("runs", "run"),
    entries: [...entries, ...(yield* Before.each(before))],
    sample: SideBySide.rated(
      runs,
      (contender) => contender.call("drain", runs),
      (contender) => contender.call("fill", runs),
    ),
  })
}).pipe(Effect.scoped)
