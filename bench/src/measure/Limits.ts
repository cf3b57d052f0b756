/** The time of a claim where the runs that wait share keys with limits, and of the end of a run, which lets the next one of its key in. */
import { Effect } from "effect"
import * as Contenders from "../Contenders.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"
import { quantiles } from "../Statistics.js"

const pgBoss = "PostgreSQL: pg-boss"
const dbos = "PostgreSQL: DBOS"

const nameOf = (contender: string, keys: number): string =>
  `${contender}: ${keys.toLocaleString("en-US")} ${keys === 1 ? "key" : "keys"}`

export const measure = Effect.gen(function* () {
  const { claims, keyed } = yield* Scale
  const entriesOf = <R>(
    name: string,
    started: (keys: number) => Effect.Effect<Contenders.Started, unknown, R>,
  ) =>
    [1, keyed / 100, keyed].map((keys) => ({
      name: nameOf(name, keys),
      started: Effect.tap(started(keys), ({ contender }) =>
        contender.call("fillKeys", { runs: keyed, keys }),
      ),
      ...(keys === 1 ? {} : { beside: nameOf(name, 1) }),
    }))
  return yield* SideBySide.measure({
    part: "limits",
    title: `A claim of one run of a backlog whose keys have a limit of 2, and the end of that run`,
    columns: ["claimed, p50", "claimed, p99", "ended, p50", "ended, p99"].map((name) => ({
      name,
      unit: "ms",
    })),
    entries: [
      ...entriesOf("SQLite normal", (keys) => Contenders.runlease("SQLite normal", { keys })),
      ...entriesOf("PostgreSQL", (keys) => Contenders.runlease("PostgreSQL", { keys })),
      ...entriesOf(pgBoss, (keys) => Contenders.pgBoss({ batchSize: 1, fetchers: 1 }, keys)),
      ...entriesOf(dbos, (keys) => Contenders.dbosLimits(keys)),
    ],
    sample: ({ contender }) =>
      Effect.map(contender.call("limited", claims), ({ claimed, ended }) => ({
        ...quantiles("claimed", claimed),
        ...quantiles("ended", ended),
      })),
  })
}).pipe(Effect.scoped)
