/** The time of a claim with few runs, many pending runs, and many finished runs. */
import { Effect } from "effect"
import * as Contenders from "../Contenders.js"
import type { Load } from "../hand/Backlog.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"
import { quantiles } from "../Statistics.js"

const few = 1000

const entriesOf = (backend: Contenders.Backend, backlog: number) => {
  const many = backlog.toLocaleString("en-US")
  const first = `${backend}: 1,000 pending`
  const entry = (name: string, load: Load) => ({ name, started: Contenders.runlease(backend, { load }) })
  return [
    entry(first, { pending: few, finished: 0 }),
    { ...entry(`${backend}: ${many} pending`, { pending: backlog, finished: 0 }), beside: first },
    { ...entry(`${backend}: ${many} finished`, { pending: few, finished: backlog }), beside: first },
  ]
}

export const measure = Effect.gen(function* () {
  const { backlog, claims } = yield* Scale
  return yield* SideBySide.measure({
    part: "claims",
    title: "A claim of one run",
    columns: ["p50", "p99"].map((name) => ({ name: `claimed, ${name}`, unit: "ms" })),
    entries: [...entriesOf("SQLite normal", backlog), ...entriesOf("PostgreSQL", backlog)],
    sample: ({ contender }) =>
      Effect.map(contender.call("claims", claims), (times) => quantiles("claimed", times)),
  })
}).pipe(Effect.scoped)
