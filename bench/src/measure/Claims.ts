/** The time of a claim with few runs, many pending runs, and many finished runs. */
import { Effect } from "effect"
import type { Load } from "../Backlog.js"
import * as Contenders from "../Contenders.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"
import { quantile, summarize } from "../Statistics.js"

const few = 1000

const entriesOf = (backend: Contenders.Backend, backlog: number) => {
  const many = backlog.toLocaleString("en-US")
  const first = `${backend}: 1,000 pending`
  const entry = (name: string, load: Load) => ({ name, contender: Contenders.runlease(backend, load) })
  return [
    entry(first, { pending: few, finished: 0 }),
    { ...entry(`${backend}: ${many} pending`, { pending: backlog, finished: 0 }), beside: first },
    { ...entry(`${backend}: ${many} finished`, { pending: few, finished: backlog }), beside: first },
  ]
}

export const measure = Effect.gen(function* () {
  const { backlog, claims } = yield* Scale
  const entries = [...entriesOf("SQLite normal", backlog), ...entriesOf("PostgreSQL", backlog)]
  const figures = yield* SideBySide.measure(entries, {
    unit: "ms",
    sample: (contender) => contender.call("claims", claims),
    summarize: (samples: ReadonlyArray<ReadonlyArray<number>>) => ({
      ", p50": summarize(samples.map((times) => quantile(times, 0.5))),
      ", p99": summarize(samples.map((times) => quantile(times, 0.99))),
    }),
  })
  return { title: "A claim of one run", figures }
}).pipe(Effect.scoped)
