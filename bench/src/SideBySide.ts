/** Measures the same work with several contenders in turns. */
import { Effect } from "effect"
import type { Contender } from "./contenders/Contender.js"
import type { Figure } from "./Figures.js"
import * as Rounds from "./Rounds.js"
import { Scale } from "./Scale.js"
import { type Summary, summarize } from "./Statistics.js"

export interface Entry<R> {
  readonly name: string
  /** Starts the contender; null when the machine lacks its software. */
  readonly contender: Effect.Effect<Contender | null, unknown, R>
  /** The name of the figure that it is compared with. */
  readonly beside?: string
}

export interface Measure<A> {
  readonly unit: string
  readonly sample: (contender: Contender) => Effect.Effect<A, unknown>
  /** The figures of all samples, by the suffix of the contender's name. */
  readonly summarize: (samples: ReadonlyArray<A>) => Readonly<Record<string, Summary>>
}

/** A rate per second. */
export const rate = (
  unit: string,
  sample: (contender: Contender) => Effect.Effect<number, unknown>,
): Measure<number> => ({ unit, sample, summarize: (samples) => ({ "": summarize(samples) }) })

/** Measures all entries and returns their figures in order. */
export const measure = <A, R>(entries: ReadonlyArray<Entry<R>>, { sample, summarize, unit }: Measure<A>) =>
  Effect.gen(function* () {
    const { rounds } = yield* Scale
    const started = yield* Effect.forEach(entries, (entry) =>
      Effect.map(entry.contender, (contender) => ({ ...entry, contender })),
    )
    const results = yield* Rounds.interleave(
      started.flatMap(({ contender, name }) =>
        contender === null ? [] : [{ name, sample: sample(contender) }],
      ),
      rounds,
    )
    const samplesOf = new Map(results.map(({ name, samples }) => [name, samples]))
    return started.flatMap(({ beside, name }): ReadonlyArray<Figure> => {
      const samples = samplesOf.get(name)
      return samples === undefined
        ? [{ name, unit, value: null }]
        : Object.entries(summarize(samples)).map(([what, value]) => ({
            name: name + what,
            unit,
            value,
            beside: beside === undefined ? undefined : beside + what,
          }))
    })
  })
