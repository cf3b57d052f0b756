/** The baseline: writes the same rows by hand, on a connection to the store or, with `url`, over the network. */
import { Effect } from "effect"
import * as Backlog from "../Backlog.js"
import type { Hand } from "../hand/Hand.js"
import * as Network from "../hand/Network.js"
import * as Postgres from "../hand/Postgres.js"
import * as Sqlite from "../hand/Sqlite.js"
import type { StoreOptions } from "../Stores.js"
import { main, type Streams } from "./Contender.js"

export interface Options {
  readonly store: StoreOptions
  readonly url?: string
  /** Runs or events per commit. */
  readonly batch: number
}

const perSecond = async (count: number, work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return (count * 1000) / (performance.now() - startedAt)
}

const drain = ({ claim, complete }: Hand, batch: number, count: number) =>
  perSecond(count, async () => {
    for (let done = 0; done < count; done += batch) await complete(await claim(Math.min(batch, count - done)))
  })

const stream = async ({ append, claim, complete }: Hand, batch: number, { deltas, runs }: Streams) => {
  const claimed = await claim(runs)
  const total = runs * deltas
  // The runs take turns, like streams of the same pace.
  const mentions = Array.from({ length: total }, (_, index) => claimed[index % runs]!)
  const rate = await perSecond(total, async () => {
    for (let done = 0; done < total; done += batch) await append(mentions.slice(done, done + batch))
  })
  await complete(claimed)
  return rate
}

main<Options>(({ batch, store, url }) =>
  Effect.gen(function* () {
    const hand: Hand =
      url !== undefined
        ? Network.connect(url)
        : store._tag === "Sqlite"
          ? yield* Sqlite.open(store)
          : yield* Postgres.open(store.url)
    const fill = (pending: number) => Effect.as(Backlog.fill(store, { pending }), null)
    return {
      fill,
      drain: (count) => Effect.promise(() => drain(hand, batch, count)),
      stream: (streams) =>
        Effect.zipRight(
          fill(streams.runs),
          Effect.promise(() => stream(hand, batch, streams)),
        ),
    }
  }),
)
