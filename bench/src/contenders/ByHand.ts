/** The baseline: writes the same rows by hand, on a connection to the store or, with `url`, over the network. */
import { Effect } from "effect"
import * as Backlog from "../hand/Backlog.js"
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

const claimAll = async ({ claim }: Hand, count: number) => {
  const claimed = await claim(count)
  if (claimed.length !== count) throw new Error("The backlog is used up")
  return claimed
}

const drain = (hand: Hand, batch: number, count: number) =>
  perSecond(count, async () => {
    for (let done = 0; done < count; done += batch) {
      await hand.complete(await claimAll(hand, Math.min(batch, count - done)))
    }
  })

const stream = async (hand: Hand, batch: number, { events, runs }: Streams) => {
  const claimed = await claimAll(hand, runs)
  const total = runs * events
  // The runs take turns, like streams of the same pace.
  const mentions = Array.from({ length: total }, (_, index) => claimed[index % runs]!)
  const rate = await perSecond(total, async () => {
    for (let done = 0; done < total; done += batch) await hand.append(mentions.slice(done, done + batch))
  })
  await hand.complete(claimed)
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
    return {
      fill: (pending) => Effect.as(Backlog.fill(store, { pending }), null),
      drain: (count) => Effect.promise(() => drain(hand, batch, count)),
      stream: (streams) => Effect.promise(() => stream(hand, batch, streams)),
    }
  }),
)
