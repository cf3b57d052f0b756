/**
 * The time until an idle worker starts a run: from the call of its submission and from the acknowledgement. A run that
 * starts before the acknowledgement counts as zero there.
 */
import { Effect } from "effect"
import * as Before from "../Before.js"
import * as Contenders from "../Contenders.js"
import type { Contender, PickUp } from "../contenders/Contender.js"
import type { Column, Sample } from "../Figures.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"
import { quantiles } from "../Statistics.js"

const peer = "PostgreSQL: graphile-worker"
const backends = ["PostgreSQL", "SQLite normal"] as const

const entries = [
  {
    name: peer,
    started: Contenders.graphileWorker({ concurrency: Contenders.slots, localQueue: 0, batched: false }),
  },
  {
    name: "PostgreSQL: pg-boss",
    started: Contenders.pgBoss({ fetchers: 1, batchSize: 1 }),
    beside: peer,
  },
  { name: "Redis: BullMQ, fsync always", started: Contenders.bullMq("always"), beside: peer },
  ...backends.flatMap((backend) => [
    { name: `${backend}: Runlease`, started: Contenders.runlease(backend), beside: peer },
    {
      name: `${backend}: Runlease over the network`,
      started: Contenders.runleaseOverNetwork(backend),
      beside: peer,
    },
  ]),
]

const before = (checkout: string) =>
  backends.flatMap((backend) => [
    {
      name: `${backend}: Runlease before`,
      started: Contenders.runlease(backend, { checkout }),
      beside: peer,
    },
    {
      name: `${backend}: Runlease over the network, before`,
      started: Contenders.runleaseOverNetwork(backend, { checkout }),
      beside: peer,
    },
  ])

export const columns: ReadonlyArray<Column> = [
  "picked up",
  "picked up from the call",
  "acknowledged",
].flatMap((name) => ["p50", "p99"].map((quantile) => ({ name: `${name}, ${quantile}`, unit: "ms" })))

const sampleOf = (times: ReadonlyArray<PickUp>): Sample => ({
  ...quantiles(
    "picked up",
    times.map(({ acknowledged, started }) => Math.max(0, started - acknowledged)),
  ),
  ...quantiles(
    "picked up from the call",
    times.map(({ started }) => started),
  ),
  ...quantiles(
    "acknowledged",
    times.map(({ acknowledged }) => acknowledged),
  ),
})

/** Submits so many runs to a contender. */
export const sample = (contender: Contender, count: number) =>
  Effect.map(contender.call("pickUps", count), sampleOf)

export const measure = Effect.gen(function* () {
  const { pickUps } = yield* Scale
  return yield* SideBySide.measure({
    part: "pickup",
    title: "Pick-up by an idle worker, from the acknowledgement and from the call of a submission",
    columns,
    entries: [...entries, ...(yield* Before.each(before))],
    sample: ({ contender }) => sample(contender, pickUps),
  })
}).pipe(Effect.scoped)
