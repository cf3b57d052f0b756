/** Measures the same work with several contenders in turns. */
import { Effect } from "effect"
import { availableParallelism } from "node:os"
import type { Started } from "./Contenders.js"
import type { Contender } from "./contenders/Contender.js"
import * as Cpu from "./Cpu.js"
import { type Column, type Part, type Row, type Sample, summaries } from "./Figures.js"
import * as Rounds from "./Rounds.js"
import { Scale } from "./Scale.js"
import * as Targets from "./Targets.js"

export interface Entry<R> {
  readonly name: string
  /** Starts the contender; null when the machine lacks its software. */
  readonly started: Effect.Effect<Started | null, unknown, R>
  /** The name of the entry that it is compared with. */
  readonly beside?: string
}

export interface Comparison<R> {
  /** Its name among the parts. */
  readonly part: string
  readonly title: string
  readonly columns: ReadonlyArray<Column>
  readonly entries: ReadonlyArray<Entry<R>>
  readonly sample: (started: Started) => Effect.Effect<Sample, unknown>
}

/** Measures all entries in rounds. */
export const measure = <R>({ columns, entries, part, sample, title }: Comparison<R>) =>
  Effect.gen(function* () {
    const { rounds } = yield* Scale
    const isMeasured = yield* Targets.isMeasured(part)
    const all = yield* Effect.forEach(
      entries.filter(({ name }) => isMeasured(name)),
      (entry) => Effect.map(entry.started, (started) => ({ ...entry, started })),
      { concurrency: availableParallelism() },
    )
    const results = yield* Rounds.interleave(
      all.flatMap(({ name, started }) => (started === null ? [] : [{ name, sample: sample(started) }])),
      rounds,
    )
    const samplesOf = new Map(results.map(({ name, samples }) => [name, samples]))
    const rows = all.map(({ beside, name }): Row => {
      const samples = samplesOf.get(name)
      return { name, beside, figures: samples ? summaries(samples) : { [columns[0]!.name]: null } }
    })
    return { title, columns, rows } satisfies Part
  })

/** The columns of `rated`: items per second, and microseconds of CPU for each, by process. */
export const rateColumns = (items: string, item: string): ReadonlyArray<Column> => [
  { name: "rate", unit: `${items}/s` },
  ...["client", "server", "database"].map((name) => ({ name, unit: `µs/${item}` })),
]

/** Prepares, and then measures work on `count` items that returns its rate. */
export const rated =
  (
    count: number,
    work: (contender: Contender) => Effect.Effect<number>,
    prepare: (contender: Contender) => Effect.Effect<unknown> = () => Effect.void,
  ) =>
  ({ contender, meters }: Started): Effect.Effect<Sample> =>
    Effect.gen(function* () {
      yield* prepare(contender)
      // The garbage of the preparation is not that of the work.
      yield* contender.call("memory")
      const { used, value } = yield* Cpu.during(meters, work(contender))
      return { rate: value, ...Cpu.per(count, used) }
    })
