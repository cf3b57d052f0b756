/** Runs per second through submit, claim and complete, beside the same rows and the same JSON by hand. */
import { Claims, type Ids, Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import * as BareExchange from "../BareExchange.js"
import * as Child from "../Child.js"
import * as HandWritten from "../HandWritten.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import { quantile, summarize } from "../Statistics.js"
import * as Stores from "../Stores.js"

const concurrencies = [1, 8, 64] as const
const together = 50

interface Sample {
  readonly perSecond: number
  /** How long each claim took; empty where claims are not alone. */
  readonly claims: ReadonlyArray<number>
}

type Contender = Rounds.Contender<Sample, unknown, Scale>

/** One run through its life; gives how long its claim took, in milliseconds. */
export const once = (ports: Stores.Ports, workerId: Ids.WorkerId) => {
  const runs = Context.get(ports, Runs.Runs)
  const claims = Context.get(ports, Claims.Claims)
  return Effect.gen(function* () {
    yield* runs.submit(BareExchange.submission)
    const claimed = yield* Rounds.timed(claims.claim({ workerId, limit: 1, leaseDuration: "60 seconds" }))
    // As many were submitted as are being claimed, so there is always one.
    const run = claimed.value[0]!
    yield* runs.complete(run.runId, { status: "completed" }, { workerId, epoch: run.leaseEpoch })
    return claimed.millis
  })
}

const effectful = (
  name: string,
  life: Effect.Effect<number, unknown>,
  levels: ReadonlyArray<number> = concurrencies,
): ReadonlyArray<Contender> =>
  levels.map((concurrency) => ({
    name: `${name}, ${concurrency} at once`,
    sample: Effect.gen(function* () {
      const { slice } = yield* Scale
      const claims: Array<number> = []
      const perSecond = yield* Rounds.rate(
        Effect.map(life, (millis) => claims.push(millis)),
        { concurrency, millis: slice },
      )
      return { perSecond, claims }
    }),
  }))

const byHand = (name: string, connection: HandWritten.Connection): ReadonlyArray<Contender> => {
  const { alone, claim, complete, submit } = connection
  const many = (write: () => void) => connection.together(together, write)
  const one = [submit, claim, complete].map((write) => alone(write))
  const batch = [submit, claim, complete].map(many)
  const sample = (writes: ReadonlyArray<() => void>, count: number) =>
    Effect.gen(function* () {
      const { slice } = yield* Scale
      const perSecond = yield* Rounds.plainRate(() => {
        for (const write of writes) write()
        return count
      }, slice)
      return { perSecond, claims: [] }
    })
  return [
    { name: `${name}, one by one`, sample: sample(one, 1) },
    { name: `${name}, ${together} to a commit`, sample: sample(batch, together) },
  ]
}

/** Rows per run and table, and which columns are filled: what the floor must have in common with the store. */
const footprint = ({ database }: HandWritten.Connection): string => {
  const runs = database.prepare("SELECT count(*) FROM runs").pluck().get() as number
  const tables = ["conversations", "runs", "run_details", "events"].map((table) => {
    const rows = database.prepare(`SELECT * FROM ${table}`).all() as ReadonlyArray<Record<string, unknown>>
    const filled = new Set(rows.flatMap((row) => Object.keys(row).filter((column) => row[column] !== null)))
    return [table, rows.length / runs, [...filled].sort()]
  })
  return JSON.stringify(tables)
}

/** The floor writes what the store writes, or there is nothing to compare. */
const checkFootprint = (folder: string) =>
  Effect.gen(function* () {
    const filename = `${folder}/footprint.sqlite`
    const stored = yield* Effect.scoped(
      Effect.gen(function* () {
        const ports = yield* Stores.local(filename, "normal")
        yield* once(ports, yield* Stores.registerWorker(ports))
        const connection = yield* HandWritten.open(filename, "normal")
        return footprint(connection)
      }),
    )
    const empty = `${folder}/footprint-by-hand.sqlite`
    yield* Effect.scoped(Stores.local(empty, "normal"))
    const written = yield* Effect.scoped(
      Effect.map(HandWritten.open(empty, "normal"), (connection) => {
        const { alone, claim, complete, submit } = connection
        for (const write of [submit, claim, complete]) alone(write)()
        return footprint(connection)
      }),
    )
    if (stored !== written) {
      return yield* Effect.dieMessage(`The rows by hand differ from the store's:\n${written}\n${stored}`)
    }
  })

const local = (folder: string, synchronous: Stores.Synchronous) =>
  Effect.gen(function* () {
    const ports = yield* Stores.local(`${folder}/local-${synchronous}.sqlite`, synchronous)
    const workerId = yield* Stores.registerWorker(ports)
    return effectful(`in process, ${synchronous}`, once(ports, workerId))
  })

const hand = (folder: string, synchronous: Stores.Synchronous) =>
  Effect.gen(function* () {
    const filename = `${folder}/hand-${synchronous}.sqlite`
    yield* Effect.scoped(Stores.local(filename, synchronous))
    return byHand(`by hand, ${synchronous}`, yield* HandWritten.open(filename, synchronous))
  })

const remote = (folder: string) =>
  Effect.gen(function* () {
    const { ready: served } = yield* Stores.server({
      filename: `${folder}/served.sqlite`,
      synchronous: "normal",
    })
    const ports = yield* Stores.client(served)
    const workerId = yield* Stores.registerWorker(ports)
    const life = yield* BareExchange.record(served)
    const bare = yield* Child.start<Stores.Served>("bareServer.ts", {
      answers: life,
      token: served.key,
    } satisfies BareExchange.BareOptions)
    // The recorded worker's token is of the server's second worker of that name, still valid.
    return [
      ...effectful("HTTP", once(ports, workerId)),
      ...effectful("HTTP, server with a bare client", BareExchange.once(served.url, life)),
      ...effectful("HTTP, bare server and client", BareExchange.once(bare.ready.url, life, bare.ready.key)),
    ]
  })

export const measure = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const { rounds } = yield* Scale
  yield* checkFootprint(folder)
  const contenders = (yield* Effect.all([
    hand(folder, "normal"),
    local(folder, "normal"),
    hand(folder, "full"),
    local(folder, "full"),
    remote(folder),
  ])).flat()
  const results = yield* Rounds.interleave(contenders, rounds)
  return results.map(({ name, samples }) => {
    const claims = samples.flatMap((sample) => sample.claims)
    return {
      name,
      perSecond: summarize(samples.map((sample) => sample.perSecond)),
      claim: claims.length === 0 ? null : { p50: quantile(claims, 0.5), p99: quantile(claims, 0.99) },
    }
  })
}).pipe(Effect.scoped)
